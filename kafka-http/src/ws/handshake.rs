//! Who may open a socket: the handshake of RFC 6455, the page it comes from, and the credential.

use kafka_core::{Actor, Secret};
use tiny_http::Method;
use tungstenite::handshake::derive_accept_key;

use super::{session::Speaker, socket};
use crate::{
    error::{Failure, Problem},
    request::Call,
    server::{Reply, Request},
};

/// The protocol spoken here, for clients that ask for one by name.
const PROTOCOL: &str = "kafka.v1";
/// How clients that can send no header name their token among the protocols they ask for.
const BEARER: &str = "bearer.";
const VERSION: &str = "13";

/// The route of `/ws/{chat_id}`.
pub(crate) fn open(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let accept = match accept_key(call.request) {
        Ok(accept) => accept,
        Err(problem) => {
            let reply = problem.reply(call.request.id()).with_header("Sec-WebSocket-Version", VERSION);
            return Ok(reply);
        }
    };
    call.router.guard.check_page(call.request)?;
    let actor = authenticate(call)?;
    // What is no id names no chat, which is told over the socket.
    let chat = call.id().ok();
    let speaker = Speaker {
        kafka: call.kafka().clone(),
        actor,
        courier: call.router.courier.clone(),
        audiences: call.router.audiences.clone(),
        log: call.router.log,
        request_id: call.request.id().to_owned(),
        opening_bytes: call.request.limits().socket_opening_bytes,
        error_bytes: call.request.limits().socket_error_bytes,
    };
    let silence = call.router.silence;
    let reply = Reply::upgrade("websocket", move |upgraded| socket::serve(upgraded, speaker, chat, silence))
        .with_header("Sec-WebSocket-Accept", accept);
    Ok(match protocols(call.request).any(|protocol| protocol == PROTOCOL) {
        true => reply.with_header("Sec-WebSocket-Protocol", PROTOCOL),
        false => reply,
    })
}

/// The answer to the client's key, if it asks for a WebSocket as it must.
fn accept_key(request: &Request<'_>) -> Result<String, Problem> {
    let refused = |status, detail| Problem::new(status, "bad_handshake", detail);
    let is_upgrade = *request.method() == Method::Get
        && lists(request, "upgrade").any(|word| word.eq_ignore_ascii_case("websocket"))
        && lists(request, "connection").any(|word| word.eq_ignore_ascii_case("upgrade"));
    if !is_upgrade {
        return Err(refused(400, "This is a WebSocket; open it with a WebSocket client."));
    }
    if request.header("sec-websocket-version") != Some(VERSION) {
        return Err(refused(400, "Only version 13 of the WebSocket protocol is spoken here."));
    }
    match request.header("sec-websocket-key").filter(|key| is_key(key)) {
        Some(key) => Ok(derive_accept_key(key.as_bytes())),
        None => Err(refused(400, "Sec-WebSocket-Key must be 16 bytes in base64.")),
    }
}

/// Whether this is the base64 of 16 bytes.
fn is_key(key: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
    key.len() == 24 && key.ends_with("==") && key.bytes().take(22).all(is_digit)
}

/// Who opens it: the token of a header, of a protocol, of the query, or nobody where that is enough.
fn authenticate(call: &Call<'_, '_>) -> Result<Actor, Failure> {
    if call.bearer()?.is_some() {
        return call.authenticate();
    }
    let offered =
        protocols(call.request).find_map(|protocol| protocol.strip_prefix(BEARER)).map(str::to_owned);
    call.authenticate_by(offered.or_else(|| call.query("token")).map(Secret::new))
}

fn protocols<'a>(request: &'a Request<'_>) -> impl Iterator<Item = &'a str> {
    lists(request, "sec-websocket-protocol")
}

/// The words of a header field that lists them, however often it stands.
fn lists<'a>(request: &'a Request<'_>, name: &'static str) -> impl Iterator<Item = &'a str> {
    let fields = request.headers().filter(move |(known, _)| known.eq_ignore_ascii_case(name));
    fields.flat_map(|(_, value)| value.split(',')).map(str::trim).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_sixteen_bytes() {
        for (key, expected) in [
            ("dGhlIHNhbXBsZSBub25jZQ==", true),
            ("AAAAAAAAAAAAAAAAAAAAAA==", true),
            ("dGhlIHNhbXBsZSBub25jZQ", false),
            ("dGhlIHNhbXBsZSBub25j", false),
            ("dGhlIHNhbXBsZSBub25j!Q==", false),
            ("", false),
        ] {
            assert_eq!(is_key(key), expected, "{key}");
        }
    }
}
