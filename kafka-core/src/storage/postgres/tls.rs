//! TLS to the server, by the library that calls models use, too.

use std::{path::PathBuf, sync::Arc};

use rustls::{
    ClientConfig, DigitallySignedStruct, Error as TlsFault, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::base::error::{Error, ErrorKind, Result};

/// Whom a server may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// Whoever answers: the connection is encrypted, and nothing more.
    Anyone,
    /// Whoever one of these authorities vouches for.
    Authority(Option<PathBuf>),
    /// Whoever they vouch for under the name of the host.
    Host(Option<PathBuf>),
}

impl Trust {
    pub(super) fn connector(&self) -> Result<MakeRustlsConnect> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(failed)?;
        let config = match self {
            Trust::Host(roots) => builder.with_root_certificates(authorities(roots.as_ref())?),
            Trust::Anyone => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Lenient { provider, authorities: None })),
            Trust::Authority(roots) => {
                let roots = Arc::new(authorities(roots.as_ref())?);
                let verifier = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider));
                let authorities = Some(verifier.build().map_err(failed)?);
                builder
                    .dangerous()
                    .with_custom_certificate_verifier(Arc::new(Lenient { provider, authorities }))
            }
        };
        Ok(MakeRustlsConnect::new(config.with_no_client_auth()))
    }
}

fn authorities(file: Option<&PathBuf>) -> Result<RootCertStore> {
    let Some(file) = file else {
        return Ok(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() });
    };
    let unusable = |fault: &dyn std::fmt::Display| {
        Error::new(
            ErrorKind::Invalid,
            "database_certificates_unusable",
            format!(
                "The file {} of sslrootcert holds no certificates that can be read ({fault}); name one in PEM.",
                file.display()
            ),
        )
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(|fault| unusable(&fault))? {
        let certificate = certificate.map_err(|fault| unusable(&fault))?;
        roots.add(certificate).map_err(|fault| unusable(&fault))?;
    }
    if roots.is_empty() {
        return Err(unusable(&"it is empty"));
    }
    Ok(roots)
}

fn failed(fault: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::Internal, "tls_unusable", "TLS cannot be set up.").with_source(fault)
}

/// Asks the authorities at most, and not for the name.
#[derive(Debug)]
struct Lenient {
    provider: Arc<CryptoProvider>,
    authorities: Option<Arc<WebPkiServerVerifier>>,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        stapled: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsFault> {
        use rustls::CertificateError::{NotValidForName, NotValidForNameContext};

        let Some(authorities) = &self.authorities else { return Ok(ServerCertVerified::assertion()) };
        match authorities.verify_server_cert(certificate, between, name, stapled, now) {
            // The chain was found good before the name was looked at.
            Err(TlsFault::InvalidCertificate(NotValidForName | NotValidForNameContext { .. })) => {
                Ok(ServerCertVerified::assertion())
            }
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsFault> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsFault> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
