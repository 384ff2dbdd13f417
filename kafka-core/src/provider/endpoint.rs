//! The base URL of a model endpoint, parsed once.

use std::{fmt, net::Ipv6Addr, str::FromStr};

use ureq::http::Uri;

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
        let unreadable = || refused("write a URL such as https://api.example.com/v1, without spaces");
        // The parser lets other bytes pass in queries, and what calls the endpoint writes them differently.
        let text = Some(base_url.trim()).filter(|text| text.bytes().all(|byte| byte.is_ascii_graphic()));
        let uri: Uri = text.ok_or_else(unreadable)?.parse().map_err(|_| unreadable())?;
        let (scheme, usual_port) = match uri.scheme_str() {
            Some("http") => ("http", 80),
            Some("https") => ("https", 443),
            _ => return Err(refused("write a URL that begins with http:// or https://")),
        };
        let authority = uri.authority().ok_or_else(|| refused("write a URL that names a host"))?;
        if authority.as_str().contains('@') {
            return Err(refused("leave user name and password out of the URL and give the key as the key"));
        }
        // One spelling for each host, because hosts are compared. Brackets are for IPv6 addresses alone.
        let bracketed = authority.host().strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = match bracketed.map(str::parse::<Ipv6Addr>) {
            Some(Ok(address)) => address.to_string(),
            None if !authority.host().contains(['[', ']']) => authority.host().to_ascii_lowercase(),
            _ => return Err(refused("write a URL that names a host, or an IPv6 address in brackets")),
        };
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

    /// The address of something below the base URL, or with nothing below it its own. A query of the base URL
    /// stays at the end.
    pub(crate) fn url(&self, below: &str) -> String {
        let slash = if below.is_empty() && !self.path.is_empty() { "" } else { "/" };
        format!("{}://{self}{}{slash}{below}{}", self.scheme, self.path, self.query)
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    fn bracketed(&self) -> String {
        if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() }
    }
}

/// A host that models of every user may have, whatever its addresses: `ollama.lan`, `10.0.0.7:11434`.
/// Without a port all of its ports are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelHost {
    host: String,
    port: Option<u16>,
}

impl ModelHost {
    pub(crate) fn is_of(&self, endpoint: &Endpoint) -> bool {
        self.host == endpoint.host && self.port.is_none_or(|port| port == endpoint.port)
    }
}

impl FromStr for ModelHost {
    type Err = Error;

    fn from_str(text: &str) -> Result<ModelHost> {
        let refused = || {
            let message = "write a host, or a host and a port, such as ollama.lan or 10.0.0.7:11434";
            Error::invalid("model_host_invalid", "allow_model_host", message)
        };
        let plain = |part: char| part.is_ascii_alphanumeric() || "-._:[]".contains(part);
        if text.is_empty() || !text.chars().all(plain) {
            return Err(refused());
        }
        // An IPv6 address may come without the brackets that it has in a URL.
        let bare = text.parse::<Ipv6Addr>().map(|address| format!("[{address}]"));
        let text = bare.unwrap_or_else(|_| text.to_owned());
        let endpoint = Endpoint::parse(&format!("http://{text}")).map_err(|_| refused())?;
        let names_port = text.rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']'));
        Ok(ModelHost { host: endpoint.host.clone(), port: names_port.then_some(endpoint.port) })
    }
}

impl fmt::Display for ModelHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]", self.host)?,
            false => f.write_str(&self.host)?,
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
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
            ("https://a/?\u{e9}", "without spaces"),
            ("http://user:pass@example.com/", "leave user name"),
            ("http://example.com:99999/", "port"),
            ("http://example.com:0/", "port"),
            ("http://h[]/", "in brackets"),
            ("http://[h]/", "in brackets"),
            ("http://[127.0.0.1]/", "in brackets"),
            ("/v1", "begins with http"),
        ];
        for (base_url, reason) in cases {
            let error = Endpoint::parse(base_url).unwrap_err();
            assert_eq!(error.code(), "base_url_refused", "{base_url}");
            assert!(error.message().contains(reason), "{base_url}: {error}");
        }
    }

    #[test]
    fn hosts_are_named_with_or_without_a_port() {
        let table = [
            ("ollama.lan", "http://ollama.lan:11434/v1", true),
            ("Ollama.LAN", "http://ollama.lan/v1", true),
            ("ollama.lan:11434", "http://ollama.lan:11434/v1", true),
            ("ollama.lan:11434", "http://ollama.lan:8080/v1", false),
            ("ollama.lan:80", "http://ollama.lan/v1", true),
            ("ollama.lan", "http://evil.ollama.lan/v1", false),
            ("ollama.lan", "http://ollama.lan.evil/v1", false),
            ("10.0.0.7", "http://10.0.0.7:11434/v1", true),
            ("10.0.0.7", "http://10.0.0.70/v1", false),
            ("[fd00::1]:80", "http://[fd00:0::1]/v1", true),
            ("[fd00::1]", "http://[fd00::1]:8080/v1", true),
            ("fd00::1", "http://[fd00::1]:8080/v1", true),
        ];
        for (host, url, expected) in table {
            let host: ModelHost = host.parse().unwrap();
            assert_eq!(host.is_of(&Endpoint::parse(url).unwrap()), expected, "{host:?} {url}");
        }
        for text in [
            "",
            "http://ollama.lan",
            "a b",
            "a/b",
            "a:0",
            "a:x",
            "a:99999",
            "user@a",
            "*",
            "h[]",
            "[h]",
            "a:b:c",
        ] {
            assert!(text.parse::<ModelHost>().is_err(), "{text}");
        }
    }
}
