//! The server itself.

use kafka_core::{Error, ErrorKind};
use serde_json::{Value, json};

use crate::{
    docs,
    error::{Failure, Problem},
    openapi, page, reply,
    request::Call,
    server::Reply,
};

/// For a browser the page, for everyone else the list of routes.
pub(super) fn index(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let reply = match page::is_wanted(call.request.header("accept")) {
        true => page::reply(call.kafka().gives_titles()),
        false => routes(call)?,
    };
    Ok(reply.with_header("Vary", "Accept"))
}

fn routes(call: &Call<'_, '_>) -> Result<Reply, Failure> {
    let routes: Vec<Value> = call
        .router
        .routes()
        .map(|route| json!({"method": route.method, "path": route.path, "summary": route.summary}))
        .collect();
    reply::ok(&json!({
        "name": "kafka",
        "version": env!("CARGO_PKG_VERSION"),
        "description": "Chat backend. Not Apache Kafka.",
        // What clients of the Kafka system read here.
        "message": "Welcome to Kafka, a chat backend.",
        // And those of Open Chat.
        "status": "online",
        "service": "kafka",
        "routes": routes,
    }))
}

pub(super) fn health(_call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    reply::ok(&json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")}))
}

pub(super) fn ready(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    if let Err(error) = call.kafka().check() {
        call.router.log.failure(call.request.id(), &error);
        let detail = "The database does not answer; the server's log says why.";
        return Err(Problem::new(503, "not_ready", detail).into());
    }
    reply::ok(&json!({"status": "ready"}))
}

pub(super) fn openapi(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let needs_credential = call.kafka().local_actor().is_err();
    let document = openapi::of(call.router.routes(), needs_credential).map_err(|error| {
        Error::new(ErrorKind::Internal, "document_unreadable", "The document of the API cannot be read.")
            .with_source(error)
    })?;
    Ok(Reply::bytes(200, "application/json", document).with_header("Cache-Control", "no-cache"))
}

pub(super) fn docs(_call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    Ok(docs::page())
}

pub(super) fn docs_file(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let name = call.segments.first().map(String::as_str).unwrap_or_default();
    docs::file(name, call.request.header("accept-encoding"))
        .ok_or_else(|| Problem::new(404, "route_not_found", "The page of the API has no such file.").into())
}
