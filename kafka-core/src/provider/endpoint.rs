//! The base URL of a model endpoint, parsed once.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
};

use ureq::http::Uri;

use super::address::AddressPolicy;
use crate::base::error::{Error, Result};

/// Where an endpoint is, for example `https://api.openai.com/v1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    scheme: &'static str,
    /// Lower case, an IPv6 address without brackets.
    host: String,
    port: u16,
    /// Without a slash at its end.
    path: String,
    /// With its question mark, or empty.
    query: String,
}

impl Endpoint {
    /// Reads a base URL.
    ///
    /// # Errors
    /// Invalid (`base_url_refused`) for anything but `http://` or `https://`, a host, and optionally
    /// port, path and query.
    pub(crate) fn parse(base_url: &str) -> Result<Endpoint> {
        let refused = |message: &str| Error::invalid("base_url_refused", "base_url", message);
        let uri: Uri = base_url
            .trim()
            .parse()
            .map_err(|_| refused("write a URL such as https://api.example.com/v1, without spaces"))?;
        let (scheme, usual_port) = match uri.scheme_str() {
            Some("http") => ("http", 80),
            Some("https") => ("https", 443),
            _ => return Err(refused("write a URL that begins with http:// or https://")),
        };
        let authority = uri.authority().ok_or_else(|| refused("write a URL that names a host"))?;
        if authority.as_str().contains('@') {
            return Err(refused("leave user name and password out of the URL and give the key as the key"));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        let port = match authority.as_str().strip_prefix(authority.host()) {
            Some("") => usual_port,
            _ => authority.port_u16().ok_or_else(|| refused("write a port between 1 and 65535"))?,
        };
        if host.is_empty() || port == 0 {
            return Err(refused("write a URL that names a host and, if any, a port between 1 and 65535"));
        }
        Ok(Endpoint {
            scheme,
            host,
            port,
            path: uri.path().trim_end_matches('/').to_owned(),
            query: uri.query().map(|query| format!("?{query}")).unwrap_or_default(),
        })
    }

    /// Scheme, host and port, which decide who receives the key: what a key is sealed to.
    pub(crate) fn origin(&self) -> String {
        format!("{}://{}:{}", self.scheme, self.bracketed(), self.port)
    }

    /// The address of something below the base URL. A query of the base URL stays at the end.
    pub(crate) fn url(&self, below: &str) -> String {
        format!("{}://{self}{}/{below}{}", self.scheme, self.path, self.query)
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Refuses a host that is written as an address which `policy` does not allow. Names are checked
    /// when they are connected to, by the addresses that they then have.
    pub(crate) fn check_address(&self, policy: AddressPolicy) -> Result<()> {
        match self.host.parse::<IpAddr>() {
            Ok(address) if !policy.allows(address) => Err(Error::invalid(
                "base_url_refused",
                "base_url",
                format!("the address {address} is one that models may not have here; use another host"),
            )),
            _ => Ok(()),
        }
    }

    fn bracketed(&self) -> String {
        match self.host.parse::<Ipv6Addr>() {
            Ok(address) => format!("[{address}]"),
            Err(_) => self.host.clone(),
        }
    }
}

/// The host, with its port unless that is the usual one of the scheme.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.bracketed())?;
        match (self.scheme, self.port) {
            ("http", 80) | ("https", 443) => Ok(()),
            (_, port) => write!(f, ":{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_urls_are_read_as_people_write_them() {
        let cases = [
            ("https://api.openai.com/v1", "https://api.openai.com:443", "https://api.openai.com/v1/models"),
            ("HTTPS://API.OpenAI.com/v1/", "https://api.openai.com:443", "https://api.openai.com/v1/models"),
            (" http://localhost:11434 ", "http://localhost:11434", "http://localhost:11434/models"),
            ("http://[::1]:8080/v1", "http://[::1]:8080", "http://[::1]:8080/v1/models"),
            ("http://[0:0::1]:8080/v1", "http://[::1]:8080", "http://[::1]:8080/v1/models"),
            ("https://x.example:443/a?v=1", "https://x.example:443", "https://x.example/a/models?v=1"),
        ];
        for (base_url, origin, models) in cases {
            let endpoint = Endpoint::parse(base_url).unwrap();
            assert_eq!(
                (endpoint.origin().as_str(), endpoint.url("models").as_str()),
                (origin, models),
                "{base_url}"
            );
        }
    }

    #[test]
    fn other_base_urls_are_refused_with_the_reason() {
        let cases = [
            ("", "URL such as"),
            ("localhost:8080", "begins with http"),
            ("api.openai.com/v1", "URL such as"),
            ("ftp://example.com", "begins with http"),
            ("http://", "URL such as"),
            ("http://a b/", "without spaces"),
            ("http://user:pass@example.com/", "leave user name"),
            ("http://example.com:99999/", "port"),
            ("http://example.com:0/", "port"),
            ("/v1", "begins with http"),
        ];
        for (base_url, reason) in cases {
            let error = Endpoint::parse(base_url).unwrap_err();
            assert_eq!(error.code(), "base_url_refused", "{base_url}");
            assert!(error.message().contains(reason), "{base_url}: {error}");
        }
    }

    #[test]
    fn an_address_in_the_url_is_checked_against_the_policy() {
        let check = |url: &str, policy| Endpoint::parse(url).unwrap().check_address(policy).is_ok();
        assert!(!check("http://169.254.169.254/v1", AddressPolicy::PrivateAllowed));
        assert!(!check("http://[::ffff:a9fe:a9fe]/v1", AddressPolicy::PrivateAllowed));
        assert!(check("http://127.0.0.1:8080/v1", AddressPolicy::PrivateAllowed));
        assert!(!check("http://127.0.0.1:8080/v1", AddressPolicy::PublicOnly));
        assert!(check("http://does-not-resolve.invalid/v1", AddressPolicy::PublicOnly));
    }
}
