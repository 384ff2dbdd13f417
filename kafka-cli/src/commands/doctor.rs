//! `kafka doctor`: is everything in order, and if not, what is to be done.

use std::path::Path;

use kafka_core::{
    Config, Diagnosis, Error, ErrorKind, FilesReport, Kafka, Model, NodeKind, Result, Schema, SystemRandom,
};
use kafka_http::config::{Database, Settings, secret_source};
use serde::Serialize;
use serde_json::json;

use super::model;
use crate::{
    age::minute,
    context::Context,
    output::{Style, printable},
};

/// A log longer than this is not cut back because somebody reads all the time.
const LONG_WAL: u64 = 256 << 20;

/// Check the installation, and say what to do about what is wrong
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    kafka doctor\n  \
    kafka doctor --probe          asks the endpoints of models and vectors too\n  \
    kafka doctor --fix            removes bytes that no file needs any more\n  \
    kafka doctor --reindex        makes the index of searches anew\n  \
    kafka doctor --json | jq '.items[] | select(.status != \"ok\")'\n\n\
    Ends with 0 unless something is an error. Nothing is changed without --fix, which removes\n\
    what has lain there for more than an hour, and --reindex. Lost bytes come back from a backup only.")]
pub(crate) struct Args {
    /// Ask the endpoint of each model, and that of vectors for one word, whether it works
    #[arg(long)]
    probe: bool,
    /// Remove the bytes that no file needs any more, as a server does every hour
    #[arg(long)]
    fix: bool,
    /// Make the index of searches anew from what is stored; meanwhile they find less
    #[arg(long)]
    reindex: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Ok,
    Warning,
    Error,
}

/// What one look found.
#[derive(Debug, Serialize)]
struct Finding {
    check: &'static str,
    status: Status,
    detail: String,
    /// How the command ends because of it.
    #[serde(skip)]
    kind: Option<ErrorKind>,
}

impl Finding {
    fn ok(check: &'static str, detail: impl Into<String>) -> Finding {
        Finding { check, status: Status::Ok, detail: detail.into(), kind: None }
    }

    fn warning(check: &'static str, detail: impl Into<String>) -> Finding {
        Finding { check, status: Status::Warning, detail: detail.into(), kind: None }
    }

    fn error(check: &'static str, error: &Error) -> Finding {
        let detail = error.message().to_owned();
        Finding { check, status: Status::Error, detail, kind: Some(error.kind()) }
    }

    fn line(&self, context: &Context) -> String {
        let (style, sign) = match self.status {
            Status::Ok => (Style::Green, "ok     "),
            Status::Warning => (Style::Yellow, "warning"),
            Status::Error => (Style::Red, "error  "),
        };
        let sign = context.output.styled(style, sign);
        format!("{sign}  {:13}  {}\n", self.check, printable(&self.detail))
    }
}

pub(crate) fn run(args: Args, context: &Context) -> Result<()> {
    let findings = examine(&args, context);
    let failed = findings.iter().find_map(|finding| finding.kind);
    if context.output.is_for_people() {
        let lines: String = findings.iter().map(|finding| finding.line(context)).collect();
        context.output.text(&lines)?;
    } else {
        let checks: Vec<&str> = findings
            .iter()
            .filter(|finding| finding.status != Status::Ok)
            .map(|finding| finding.check)
            .collect();
        context.output.done(&json!({ "items": findings }), &checks, "")?;
    }
    match failed {
        None => Ok(()),
        Some(kind) => {
            let count = findings.iter().filter(|finding| finding.status == Status::Error).count();
            let noun = if count == 1 { "error" } else { "errors" };
            Err(Error::new(
                kind,
                "doctor_found_errors",
                format!("The doctor found {count} {noun}; see above."),
            ))
        }
    }
}

/// Looks at one thing after another, as far as each lets one see the next.
fn examine(args: &Args, context: &Context) -> Vec<Finding> {
    let settings = match context.resolve(None) {
        Ok(resolved) => resolved.settings,
        Err(error) => return vec![Finding::error("configuration", &error)],
    };
    let mut findings = vec![match (settings.check_server(), settings.warning()) {
        (Err(error), _) => Finding::error("configuration", &error),
        (Ok(()), Some(warning)) => Finding::warning("configuration", warning),
        (Ok(()), None) => Finding::ok("configuration", "the settings are valid"),
    }];
    findings.push(directory(&settings));
    findings.push(documents(&settings));
    let (secret, is_secret_usable) = secret(&settings);
    findings.push(secret);
    let config = match &settings.database {
        Database::Memory => {
            findings
                .push(Finding::warning("database", "it lies in memory, where nothing outlives a command"));
            return findings;
        }
        Database::File(file) if !file.exists() => {
            let detail =
                format!("{} does not exist yet; the first command that needs it makes it", file.display());
            findings.push(Finding::ok("database", detail));
            findings.push(Finding::ok("models", FRESH));
            return findings;
        }
        Database::File(file) => Config::file(file),
        #[cfg(feature = "postgres")]
        Database::Postgres(address) => Config::postgres(address.clone(), settings.blob_directory()),
    };
    let shown = match &settings.database {
        Database::File(file) => file.display().to_string(),
        other => other.to_string(),
    };
    let is_usable = database(args, &config, &settings, &shown, &mut findings);
    if is_usable
        && is_secret_usable
        && let Err(error) = models(args, &settings, &mut findings)
    {
        findings.push(Finding::error("models", &error));
    }
    findings
}

const FRESH: &str = "no model is configured: the built-in echo answers; add one by `kafka model add \
                     openai|openrouter|ollama`";

fn directory(settings: &Settings) -> Finding {
    let shown = settings.data_dir.display();
    match others_may_enter(&settings.data_dir) {
        None => Finding::ok("data directory", format!("{shown} does not exist yet")),
        Some(false) => Finding::ok("data directory", format!("{shown} is for its owner alone")),
        Some(true) => Finding::warning(
            "data directory",
            format!("other users may look into {shown}; run `chmod 700 {shown}`"),
        ),
    }
}

/// How documents are found.
fn documents(settings: &Settings) -> Finding {
    let detail = match (&settings.embedding_url, &settings.embedding_model) {
        (Some(_), Some(model)) => {
            format!("they are to be found by their words and by vectors of {}", printable(model))
        }
        (Some(_), None) => {
            return Finding::warning("documents", "embedding_url needs embedding_model besides");
        }
        (None, _) => {
            "they are found by their words alone; set embedding_url and embedding_model to have them found \
                      by their meaning, too"
                .to_owned()
        }
    };
    Finding::ok("documents", detail)
}

/// None when there is no such directory.
#[cfg(unix)]
fn others_may_enter(directory: &Path) -> Option<bool> {
    use std::os::unix::fs::PermissionsExt as _;
    let metadata = directory.metadata().ok()?;
    Some(metadata.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn others_may_enter(directory: &Path) -> Option<bool> {
    directory.metadata().ok().map(|_| false)
}

/// Whether model keys can be sealed and opened. A missing file is not made here.
fn secret(settings: &Settings) -> (Finding, bool) {
    if settings.secret_key.is_empty() && !settings.secret_file().exists() {
        let detail =
            format!("{} does not exist yet; it is made when needed", settings.secret_file().display());
        return (Finding::ok("secret", detail), true);
    }
    match secret_source(settings, &SystemRandom) {
        Ok(_) => (Finding::ok("secret", "it is there and nobody else may read it"), true),
        Err(error) => (Finding::error("secret", &error), false),
    }
}

/// Whether the database can be worked on.
fn database(
    args: &Args,
    config: &Config,
    settings: &Settings,
    shown: &str,
    findings: &mut Vec<Finding>,
) -> bool {
    let config = Config { kind: NodeKind::Cli, ..config.clone() };
    let schema = match Schema::open(&config) {
        Ok(schema) => schema,
        Err(error) => {
            findings.push(Finding::error("database", &error));
            return false;
        }
    };
    let is_current = version(&schema, findings);
    match schema.diagnose() {
        Ok(diagnosis) => {
            let is_whole = whole(shown, &diagnosis, findings);
            processes(&diagnosis, findings);
            if is_current && is_whole {
                let files = files(args, &schema, findings).map_err(|error| Finding::error("files", &error));
                findings.extend(files.err());
                findings
                    .push(searches(args, &schema).unwrap_or_else(|error| Finding::error("search", &error)));
                findings.extend(
                    vectors(settings, &schema)
                        .unwrap_or_else(|error| Some(Finding::error("vectors", &error))),
                );
            }
            is_current && is_whole
        }
        Err(error) => {
            findings.push(Finding::error("database", &error));
            false
        }
    }
}

fn version(schema: &Schema, findings: &mut Vec<Finding>) -> bool {
    match schema.check().and_then(|()| schema.status()) {
        Ok(status) => {
            findings.push(Finding::ok("schema", format!("version {}, nothing is pending", status.current)));
            true
        }
        Err(error) if error.code() == "migrations_pending" => {
            if schema.may_change().is_ok_and(|may| !may) {
                let message = "the account may not make tables there; make it the owner of the database";
                let error = Error::new(ErrorKind::Storage, "database_rights_missing", message);
                findings.push(Finding::error("schema", &error));
                return false;
            }
            if schema.status().is_ok_and(|status| status.current == 0) {
                let detail = "the database is empty; the first command that needs it makes its tables";
                findings.push(Finding::ok("schema", detail));
                findings.push(Finding::ok("models", FRESH));
                return false;
            }
            findings.push(Finding::warning("schema", error.message()));
            false
        }
        Err(error) => {
            findings.push(Finding::error("schema", &error));
            false
        }
    }
}

fn whole(shown: &str, diagnosis: &Diagnosis, findings: &mut Vec<Finding>) -> bool {
    let health = &diagnosis.database;
    let complaints: Vec<&String> = health.damage.iter().chain(&health.dangling).collect();
    if let Some(first) = complaints.first() {
        let more = match complaints.len() {
            1 => String::new(),
            count => format!(" (and {} more)", count - 1),
        };
        let message = format!("{shown} is damaged: {first}{more}; stop the server and restore a backup");
        findings
            .push(Finding::error("database", &Error::new(ErrorKind::Corrupt, "database_damaged", message)));
        return false;
    }
    let detail = format!("{shown} is whole, {} KiB", health.size_bytes.div_ceil(1024));
    findings.push(Finding::ok("database", detail));
    if health.wal_bytes > LONG_WAL {
        findings.push(Finding::warning(
            "log",
            format!(
                "the write-ahead log has {} MiB; it is cut back once no process reads for a moment",
                health.wal_bytes >> 20
            ),
        ));
    }
    true
}

fn processes(diagnosis: &Diagnosis, findings: &mut Vec<Finding>) {
    let listed =
        |nodes: &[kafka_core::Node]| nodes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    findings.push(match diagnosis.live_nodes.as_slice() {
        [] => Finding::ok("processes", "no other process uses the database"),
        nodes => Finding::ok("processes", format!("in use by {}", listed(nodes))),
    });
    if !diagnosis.dead_nodes.is_empty() {
        findings.push(Finding::warning(
            "processes",
            format!(
                "ended without a word: {}; `kafka serve` tidies up what they left",
                listed(&diagnosis.dead_nodes)
            ),
        ));
    }
}

/// Whether each file has its bytes, and whether there are others.
fn files(args: &Args, schema: &Schema, findings: &mut Vec<Finding>) -> Result<()> {
    let found = schema.files()?;
    for (id, filename) in &found.missing {
        let message = format!(
            "{id} ({filename}) has lost its bytes, which come back from a backup only; without one, run \
             `kafka file delete {id}`"
        );
        findings.push(Finding::error("files", &Error::new(ErrorKind::Corrupt, "blob_missing", message)));
    }
    if found.orphans.is_empty() {
        if found.missing.is_empty() {
            findings.push(Finding::ok("files", "each has its bytes, and there are no others"));
        }
        return Ok(());
    }
    if !args.fix {
        let detail = format!(
            "{} that no file needs; a server removes them within an hour, `kafka doctor --fix` now",
            leftovers(&found)
        );
        findings.push(Finding::warning("files", detail));
        return Ok(());
    }
    schema.remove_orphans()?;
    let left = schema.files()?;
    findings.push(match left.orphans.is_empty() {
        true => Finding::ok("files", format!("removed {} that no file needed", leftovers(&found))),
        false => Finding::warning("files", format!("{} could not be removed", leftovers(&left))),
    });
    Ok(())
}

/// Whether everything can be found.
fn searches(args: &Args, schema: &Schema) -> Result<Finding> {
    if args.reindex {
        schema.reindex()?;
        return Ok(Finding::ok("search", "the index was made anew"));
    }
    Ok(match schema.unindexed()? {
        0 => Finding::ok("search", "everything is indexed"),
        // Of itself no fault: nobody has searched since.
        count => Finding::ok(
            "search",
            format!("{count} changes wait to be indexed; a server, or the next `kafka search`, does that"),
        ),
    })
}

/// Whether the passages of documents have vectors of the model.
fn vectors(settings: &Settings, schema: &Schema) -> Result<Option<Finding>> {
    let (Some(_), Some(model)) = (&settings.embedding_url, &settings.embedding_model) else {
        return Ok(None);
    };
    let shown = printable(model);
    let failure = schema.embedding_failure()?.map(|failure| {
        format!("; its endpoint gives none since {}: {}", minute(failure.since), printable(&failure.sentence))
    });
    Ok(Some(match (schema.without_vectors(model)?, failure) {
        (0, None) => {
            Finding::ok("vectors", format!("no passage lacks that of {shown}; --probe asks its endpoint"))
        }
        (0, Some(failure)) => {
            Finding::warning("vectors", format!("no passage lacks that of {shown}{failure}"))
        }
        (count, failure) => Finding::warning(
            "vectors",
            format!(
                "{count} passages have none of {shown} and are found by their words alone{}",
                failure.unwrap_or_else(|| "; a server makes them, and --probe asks the endpoint".to_owned())
            ),
        ),
    }))
}

fn leftovers(report: &FilesReport) -> String {
    let noun = if report.orphans.len() == 1 { "leftover" } else { "leftovers" };
    format!("{} {noun} of {} bytes", report.orphans.len(), report.orphan_bytes)
}

fn models(args: &Args, settings: &Settings, findings: &mut Vec<Finding>) -> Result<()> {
    let kafka = Kafka::open(settings.core_config(NodeKind::Cli)?)?;
    let actor = kafka.operator();
    if args.probe && settings.embedding_url.is_some() && settings.embedding_model.is_some() {
        findings.push(match kafka.administration(&actor).probe_embedding() {
            Ok(()) => Finding::ok("vectors", "the embedding endpoint gives them"),
            Err(error) => Finding::error("vectors", &error),
        });
    }
    let models = model::all(&kafka, &actor)?;
    for model in &models {
        findings.push(one_model(args, &kafka, model));
    }
    let default = models.iter().find(|model| model.is_default && model.user_id.is_none());
    findings.push(match (default, models.is_empty()) {
        (Some(model), _) => Finding::ok("models", format!("{} answers when none is named", model.name)),
        (None, true) => Finding::ok("models", FRESH),
        (None, false) => Finding::ok(
            "models",
            "the built-in echo answers when none is named; name one by --model, or in the chat",
        ),
    });
    Ok(())
}

fn one_model(args: &Args, kafka: &Kafka, model: &Model) -> Finding {
    let models = kafka.models(&kafka.operator());
    let asked = match args.probe {
        true => models.probe(model.id).map(Some),
        false => models.check(model.id).map(|()| None),
    };
    match asked {
        Err(error) => Finding::error(
            "model",
            &Error::new(error.kind(), "model_unusable", format!("{}: {}", model.name, error.message())),
        ),
        Ok(None) => Finding::ok("model", format!("{} is configured; --probe asks its endpoint", model.name)),
        Ok(Some(health)) => match health.detail {
            None => Finding::ok("model", format!("{} answers in {} ms", model.name, health.latency_ms)),
            Some(detail) => Finding::warning("model", format!("{}: {detail}", model.name)),
        },
    }
}
