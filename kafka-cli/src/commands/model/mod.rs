//! `kafka model`: the endpoints that answer.

mod add;
mod key;
mod preset;

use kafka_core::{Actor, Error, ErrorKind, Kafka, Model, ModelHealth, Params, Result};
use serde_json::json;

use super::pages;
use crate::{
    age::minute,
    context::Context,
    output::{Row, printable},
};

/// Add, list, show, probe and delete models
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    kafka model add ollama                 whatever a local Ollama serves\n  \
    kafka model add openai --upstream gpt-5-mini --default\n  \
    kafka model list\n  \
    kafka model probe openai\n\n\
    The model `echo` is built in: it needs no network and repeats what it is told.")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// List the models that can be asked
    #[command(after_help = "Examples:\n  \
        kafka model list\n  \
        kafka model list --json | jq -r '.items[].name'")]
    List,
    /// Print what is configured of a model; its key stays hidden
    #[command(after_help = "Examples:\n  kafka model show openai")]
    Show {
        /// The model's name or id
        #[arg(value_name = "NAME")]
        name: String,
    },
    Add(add::Args),
    /// Ask the endpoint of a model, without spending tokens, whether it works
    #[command(after_help = "Examples:\n  \
        kafka model probe openai\n  \
        kafka model probe openai --json | jq -r '.models[]'")]
    Probe {
        /// The model's name or id
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Delete models; answers that they gave stay
    #[command(after_help = "Examples:\n  kafka model delete openai")]
    Delete {
        /// Names or ids; if one of them does not exist, none is deleted
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
    },
}

pub(crate) fn run(args: Args, context: &Context) -> Result<()> {
    let kafka = match &args.verb {
        // Asks for a key, which may take a while, before the database is opened.
        Verb::Add(args) => return add::run(args, context),
        _ => context.kafka()?,
    };
    let actor = kafka.operator();
    match args.verb {
        Verb::List => list(&kafka, &actor, context),
        Verb::Show { name } => show(&kafka, &actor, &name, context),
        Verb::Add(args) => add::run(&args, context),
        Verb::Probe { name } => probe(&kafka, &actor, &name, context),
        Verb::Delete { names } => delete(&kafka, &actor, &names, context),
    }
}

/// Every model that the operator sees, oldest first.
pub(super) fn all(kafka: &Kafka, actor: &Actor) -> Result<Vec<Model>> {
    pages::all(kafka, |request| kafka.models(actor).list(request))
}

/// The model with this id or name. Users may have models of the same name; then the shared one is meant.
fn find(kafka: &Kafka, actor: &Actor, text: &str) -> Result<Model> {
    let mut named: Vec<Model> = all(kafka, actor)?
        .into_iter()
        .filter(|model| model.name == text || model.id.to_string() == text)
        .collect();
    if named.len() > 1 && named.iter().any(|model| model.user_id.is_none()) {
        named.retain(|model| model.user_id.is_none());
    }
    match (named.pop(), named.is_empty()) {
        (Some(model), true) => Ok(model),
        (Some(_), false) => Err(Error::new(
            ErrorKind::Conflict,
            "model_ambiguous",
            format!("Several users have a model called {text}; give the id of one of them."),
        )),
        (None, _) if text == "echo" => Err(Error::new(
            ErrorKind::Invalid,
            "model_built_in",
            "The model echo is built in: it is always there, needs no endpoint and cannot be changed.",
        )),
        (None, _) => {
            Err(Error::new(ErrorKind::NotFound, "model_not_found", format!("There is no model {text}.")))
        }
    }
}

/// A model as a line of the list.
struct Line {
    name: String,
    id: String,
    endpoint: String,
    upstream: String,
    key: &'static str,
    marks: String,
}

impl Row for Line {
    const HEADERS: &'static [&'static str] = &["name", "endpoint", "upstream", "key", "marks", "id"];

    fn id(&self) -> &str {
        &self.id
    }

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            self.endpoint.clone(),
            self.upstream.clone(),
            self.key.to_owned(),
            self.marks.clone(),
            self.id.clone(),
        ]
    }
}

impl Line {
    fn of(model: &Model) -> Line {
        let marks = [(model.is_default, "default"), (model.is_gateway, "gateway")];
        let marks: Vec<&str> = marks.into_iter().filter(|(set, _)| *set).map(|(_, mark)| mark).collect();
        Line {
            name: model.name.clone(),
            id: model.id.to_string(),
            endpoint: model.base_url.clone(),
            upstream: model.upstream_model.clone().unwrap_or_else(|| "-".to_owned()),
            key: if model.has_api_key { "stored" } else { "-" },
            marks: marks.join(", "),
        }
    }

    /// The model that is always there; it has no row and no id.
    fn echo(is_default: bool) -> Line {
        let text = |text: &str| text.to_owned();
        Line {
            name: text("echo"),
            id: text("-"),
            endpoint: text("built in"),
            upstream: text("-"),
            key: "-",
            marks: text(if is_default { "default" } else { "" }),
        }
    }
}

fn list(kafka: &Kafka, actor: &Actor, context: &Context) -> Result<()> {
    let models = all(kafka, actor)?;
    let mut lines: Vec<Line> = models.iter().map(Line::of).collect();
    if context.output.is_for_people() {
        let has_default = models.iter().any(|model| model.is_default && model.user_id.is_none());
        lines.push(Line::echo(!has_default));
    }
    context.output.list(&json!({ "items": models, "next_cursor": null, "prev_cursor": null }), &lines)
}

fn show(kafka: &Kafka, actor: &Actor, name: &str, context: &Context) -> Result<()> {
    let model = find(kafka, actor, name)?;
    let yes = |value: bool| if value { "yes" } else { "no" }.to_owned();
    let mut fields = vec![
        ("name", model.name.clone()),
        ("id", model.id.to_string()),
        ("endpoint", model.base_url.clone()),
        ("upstream", model.upstream_model.clone().unwrap_or_default()),
        ("provider", model.provider.clone()),
        ("key", if model.has_api_key { "stored, sealed" } else { "none" }.to_owned()),
        ("default", yes(model.is_default)),
        ("gateway", yes(model.is_gateway)),
        ("added", minute(model.created_at)),
    ];
    if model.params != Params::default() {
        fields.push(("params", serde_json::to_string(&model.params).unwrap_or_default()));
    }
    context.output.one(&model, &model.id.to_string(), &fields)
}

fn probe(kafka: &Kafka, actor: &Actor, name: &str, context: &Context) -> Result<()> {
    let model = find(kafka, actor, name)?;
    let health = kafka.models(actor).probe(model.id)?;
    let findings = findings(&model, &health);
    if !is_in_order(&health) && context.output.is_for_people() {
        // The whole result is that it failed.
        return Err(Error::new(ErrorKind::Provider, "model_unusable", findings));
    }
    context.output.done(&health, &[&model.id.to_string()], &findings)?;
    if is_in_order(&health) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Provider, "model_unusable", findings))
}

fn is_in_order(health: &ModelHealth) -> bool {
    health.reachable && health.detail.is_none()
}

/// What a probe found, in a sentence or two.
fn findings(model: &Model, health: &ModelHealth) -> String {
    if let Some(detail) = &health.detail {
        return printable(detail);
    }
    let mut text = format!("{} answers in {} ms", model.base_url, health.latency_ms);
    let upstream = model.upstream_model.as_deref().unwrap_or(&model.name);
    let is_listed = health.models.iter().any(|name| name == upstream);
    text += &match (health.models.len(), is_listed) {
        (0, _) => " and lists no models.".to_owned(),
        (1, true) => format!(" and lists {upstream} alone."),
        (count, true) => format!(" and lists {upstream} among {count} models."),
        (count, false) if model.upstream_model.is_none() && model.is_gateway => {
            format!(" and lists {count} model{}.", if count == 1 { "" } else { "s" })
        }
        (count, false) => format!(
            ", but {upstream} is not among the {count} models that it lists, such as {}.",
            some(&health.models)
        ),
    };
    printable(&text)
}

/// The first few names.
fn some(names: &[String]) -> String {
    names.iter().take(3).map(String::as_str).collect::<Vec<_>>().join(", ")
}

fn delete(kafka: &Kafka, actor: &Actor, names: &[String], context: &Context) -> Result<()> {
    let models: Vec<Model> = names.iter().map(|name| find(kafka, actor, name)).collect::<Result<_>>()?;
    for model in &models {
        kafka.models(actor).delete(model.id)?;
    }
    let ids: Vec<String> = models.iter().map(|model| model.id.to_string()).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let sentence = match models.as_slice() {
        [model] => format!("Deleted the model {}.", model.name),
        models => format!("Deleted {} models.", models.len()),
    };
    context.output.done(&json!({ "deleted": ids }), &ids, &sentence)
}
