//! Models.

use kafka_core::{Model, ModelHealth, ModelPatch, NewModel};
use serde_json::json;

use crate::openapi::{document::Operations, samples};

pub(super) fn describe(on: &mut Operations) {
    on.on("GET", "/api/v1/models")
        .about("Those of the caller, and those shared with all. Keys go in and never come out. `echo` is always there and not listed.")
        .pages::<Model>(samples::model());
    on.on("POST", "/api/v1/models")
        .about(
            "An endpoint that speaks as OpenAI's does. Its address is looked at now and at every call; private addresses \
             take the configuration's leave. The key is stored sealed, bound to the owner and the endpoint's origin.",
        )
        .once()
        .takes::<NewModel>(json!({
            "name": "gpt", "base_url": "http://127.0.0.1:9/v1", "upstream_model": "gpt-5-mini",
            "params": {"temperature": 0.2},
        }))
        .gives::<Model>(201, "The model, without its key.", samples::model())
        .refuses(&[
            "name_empty", "name_reserved", "text_too_long", "nul_in_text", "model_exists", "base_url_refused",
            "provider_unknown", "params_out_of_range", "owner_not_yours", "user_not_found",
        ]);
    on.on("GET", "/api/v1/models/{id}")
        .about("Without its key.")
        .gives::<Model>(200, "The model.", samples::model())
        .refuses(&["model_not_found"]);
    on.on("PATCH", "/api/v1/models/{id}")
        .about("What is absent stays. A new origin in `base_url` needs the key again.")
        .takes::<ModelPatch>(json!({"is_default": false}))
        .gives::<Model>(200, "The model as it is now.", samples::model())
        .refuses(&[
            "model_not_found",
            "name_empty",
            "name_reserved",
            "text_too_long",
            "nul_in_text",
            "model_exists",
            "base_url_refused",
            "api_key_required",
            "params_out_of_range",
            "model_changed",
        ]);
    on.on("DELETE", "/api/v1/models/{id}")
        .about("Answers that it gave keep its name.")
        .gives_nothing(204, "The model is gone.")
        .refuses(&["model_not_found"]);
    on.on("POST", "/api/v1/models/{id}/probe")
        .about("The endpoint is asked for its list of models; what is wrong is told in `detail`, and is no error.")
        .gives::<ModelHealth>(
            200,
            "How the endpoint is.",
            json!({"reachable": true, "status": 200, "latency_ms": 12, "models": ["gpt-5-mini"], "detail": null}),
        )
        .refuses(&["model_not_found", "base_url_refused", "provider_unknown"]);
}
