//! `kafka model add`.

use kafka_core::{Error, ErrorKind, Kafka, Model, ModelHealth, NewModel, Params, Result, TimeoutSeconds};
use serde::Serialize;

use super::{findings, is_in_order, key, preset};
use crate::{context::Context, output::printable};

/// Add a model and ask its endpoint whether it works
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    kafka model add ollama                               all that a local Ollama serves\n  \
    kafka model add openai                               all of OpenAI's; asks for the key\n  \
    kafka model add openai --upstream gpt-5-mini --default < key.txt\n  \
    kafka model add local --url http://127.0.0.1:8080/v1 any other OpenAI-compatible endpoint\n\n\
    The key comes from the usual variable (OPENAI_API_KEY, OPENROUTER_API_KEY), from the terminal, where\n\
    it is not shown, or from standard input; it is stored sealed and never printed.")]
pub(super) struct Args {
    /// `openai`, `openrouter`, `ollama`, or any name together with --url
    #[arg(value_name = "NAME")]
    name: String,
    /// The endpoint's base URL, for example http://127.0.0.1:8080/v1
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// The model's name at the endpoint [default: the same; with openai, openrouter and ollama any]
    #[arg(long, value_name = "NAME")]
    upstream: Option<String>,
    /// Have it answer whenever nothing names a model
    #[arg(long)]
    default: bool,
    /// Pass names that no model here has through to this endpoint
    #[arg(long)]
    gateway: bool,
    /// Read the key from standard input, whatever the variables say
    #[arg(long)]
    key_stdin: bool,
    /// Randomness, 0 to 2
    #[arg(long, value_name = "NUMBER", help_heading = "Parameters")]
    temperature: Option<f64>,
    /// Nucleus sampling, 0 to 1
    #[arg(long, value_name = "NUMBER", help_heading = "Parameters")]
    top_p: Option<f64>,
    /// Most tokens of an answer
    #[arg(long, value_name = "N", help_heading = "Parameters")]
    max_tokens: Option<u32>,
    /// The model's context window in tokens; history is trimmed to it
    #[arg(long, value_name = "N", help_heading = "Parameters")]
    context_tokens: Option<u32>,
    /// Seconds to wait for the first token [default: 120]
    #[arg(long, value_name = "SECONDS", help_heading = "Parameters")]
    first_token_timeout: Option<f64>,
}

/// The model, and what its endpoint said.
#[derive(Serialize)]
struct Added<'a> {
    #[serde(flatten)]
    model: &'a Model,
    health: &'a ModelHealth,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<()> {
    let by_name = preset::named(&args.name);
    let base_url = match (&args.url, by_name) {
        (Some(url), _) => url.clone(),
        (None, Some(preset)) => preset.base_url.to_owned(),
        (None, None) => return Err(url_missing(&args.name)),
    };
    // A preset names an endpoint, not a model: any model of it can be asked unless one is named.
    let is_any = by_name.is_some() && args.upstream.is_none();
    if is_any && args.default {
        return Err(Error::new(
            ErrorKind::Invalid,
            "upstream_missing",
            format!("{} has many models; name the one that shall be the default by --upstream.", args.name),
        ));
    }
    let preset = preset::at(&base_url).or(by_name);
    let key = key::find(&args.name, preset, args.key_stdin, context)?;
    let (api_key, source) = key.map(|key| (key.secret, key.source)).unzip();
    let kafka = context.kafka()?;
    let new = NewModel {
        api_key,
        upstream_model: args.upstream.clone(),
        is_gateway: args.gateway || is_any,
        is_default: args.default,
        params: Params {
            temperature: args.temperature,
            top_p: args.top_p,
            max_tokens: args.max_tokens,
            context_tokens: args.context_tokens,
            timeouts: args
                .first_token_timeout
                .map(|seconds| TimeoutSeconds { first_token: Some(seconds), ..TimeoutSeconds::default() }),
            ..Params::default()
        },
        ..NewModel::new(&args.name, base_url)
    };
    let model = kafka.models(&kafka.operator()).create(new)?;
    tell(&kafka, &model, source.as_deref(), is_any, context)
}

fn url_missing(name: &str) -> Error {
    Error::new(
        ErrorKind::Invalid,
        "url_missing",
        format!(
            "Where is {name}? Give its base URL by --url, for example --url http://127.0.0.1:8080/v1; only \
             openai, openrouter and ollama are known by name."
        ),
    )
}

/// Probes, and says what was done and found. The model is stored in any case: endpoints come and go.
fn tell(kafka: &Kafka, model: &Model, source: Option<&str>, is_any: bool, context: &Context) -> Result<()> {
    let health = kafka.models(&kafka.operator()).probe(model.id)?;
    let key =
        source.map_or_else(|| "without a key".to_owned(), |source| format!("with the key from {source}"));
    let sentence = format!("Added the model {} {key}. {}", model.name, findings(model, &health));
    context.output.done(&Added { model, health: &health }, &[&model.id.to_string()], &sentence)?;
    let chat = match (is_any, health.models.first()) {
        (true, Some(first)) => format!("kafka chat --model {} \"Hello\"", printable(first)),
        (true, None) => "kafka chat --model MODEL \"Hello\", with a name that the endpoint knows".to_owned(),
        (false, _) if model.is_default => "kafka chat \"Hello\"".to_owned(),
        (false, _) => format!("kafka chat --model {} \"Hello\"", model.name),
    };
    context.output.note(&match is_in_order(&health) {
        true => format!("Chat with it: {chat}"),
        false => format!("It stays configured; `kafka model probe {}` asks again. Then: {chat}", model.name),
    });
    Ok(())
}
