//! An installation with a scripted model and a clock that stands still.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use kafka_core::{
    Actor, Answer, AnswerRequest, Chat, Config, Error, Event, Kafka, Message, Model, NewChat, NewMessage,
    NewModel, NewUser, PageRequest, ResponseId, Role, Secret,
    testing::{ManualClock, ScriptedAnswer, ScriptedCall, ScriptedProvider, SequentialRandom},
};

use crate::home::Home;

/// The name of the scripted model, and of its provider.
pub(crate) const MODEL: &str = "scripted";
pub(crate) const SECRET: [u8; 32] = [7; 32];
pub(crate) const PASSWORD: &str = "correct horse";

pub(crate) struct Stage {
    pub(crate) kafka: Kafka,
    pub(crate) operator: Actor,
    pub(crate) clock: ManualClock,
    pub(crate) provider: Arc<ScriptedProvider>,
    home: Home,
}

/// Where an installation lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum In {
    Memory,
    File,
}

impl Stage {
    pub(crate) fn new(place: In) -> Stage {
        Stage::with(place, |_| ScriptedAnswer::of(&["Well", ", yes."]), |_| {})
    }

    /// An installation in memory whose model answers by this script.
    pub(crate) fn scripted(
        script: impl Fn(&ScriptedCall) -> ScriptedAnswer + Send + Sync + 'static,
    ) -> Stage {
        Stage::with(In::Memory, script, |_| {})
    }

    pub(crate) fn with(
        place: In,
        script: impl Fn(&ScriptedCall) -> ScriptedAnswer + Send + Sync + 'static,
        change: impl FnOnce(&mut Config),
    ) -> Stage {
        let home = Home::new(place);
        let clock = ManualClock::default();
        let provider = Arc::new(ScriptedProvider::new(MODEL, script));
        let mut config = home.config();
        config.clock = Arc::new(clock.clone());
        config.random = Arc::new(SequentialRandom::default());
        config.secret = Some(Arc::new(Secret::new(SECRET)));
        config.password_cost = 4;
        config.providers.push(provider.clone());
        change(&mut config);
        let kafka = Kafka::open(config).unwrap();
        let stage = Stage { operator: kafka.operator(), kafka, clock, provider, home };
        stage.model(&stage.operator, NewModel { is_default: true, ..new_model(MODEL) });
        stage
    }

    pub(crate) fn directory(&self) -> &Path {
        self.home.directory()
    }

    /// The file of SQLite.
    pub(crate) fn database(&self) -> PathBuf {
        self.home.file()
    }

    /// Where the bytes of files lie.
    pub(crate) fn blobs(&self) -> PathBuf {
        self.home.blobs()
    }

    /// How the same database is opened again.
    pub(crate) fn config(&self) -> Config {
        self.home.config()
    }

    /// A further handle on the same file, with the same model, as another process would have it.
    pub(crate) fn beside(&self) -> Kafka {
        self.reopened(|_| {})
    }

    pub(crate) fn reopened(&self, change: impl FnOnce(&mut Config)) -> Kafka {
        let mut config = self.config();
        config.clock = Arc::new(self.clock.clone());
        config.secret = Some(Arc::new(Secret::new(SECRET)));
        config.providers.push(self.provider.clone());
        change(&mut config);
        Kafka::open(config).unwrap()
    }

    /// The rows of a statement as they are, past every rule. `$1` and so on stand for the params.
    pub(crate) fn rows(&self, sql: &str, params: &[&str]) -> Vec<Vec<Option<String>>> {
        self.home.rows(sql, params)
    }

    /// The one value that a statement gives.
    pub(crate) fn value(&self, sql: &str, params: &[&str]) -> Option<String> {
        self.rows(sql, params).remove(0).remove(0)
    }

    /// An account that has logged in.
    pub(crate) fn user(&self, name: &str) -> Actor {
        let login = self.kafka.register(new_user(name), Secret::new(PASSWORD.into())).unwrap();
        self.kafka.authenticate(&login.token).unwrap()
    }

    pub(crate) fn chat(&self) -> Chat {
        self.chat_of(&self.operator)
    }

    pub(crate) fn chat_of(&self, actor: &Actor) -> Chat {
        self.kafka.chats(actor).create(NewChat::default()).unwrap()
    }

    pub(crate) fn model(&self, actor: &Actor, new: NewModel) -> Model {
        self.kafka.models(actor).create(new).unwrap()
    }

    /// A message at the end of the active branch.
    pub(crate) fn say(&self, chat: &Chat, role: Role, text: &str) -> Message {
        self.kafka.messages(&self.operator).create(chat.id, NewMessage::text(role, text)).unwrap()
    }

    /// Asks the operator's way and waits for the end.
    pub(crate) fn ask(&self, chat: &Chat, request: AnswerRequest) -> Answer {
        self.kafka.completions(&self.operator).start(chat.id, request).unwrap().wait().unwrap()
    }

    pub(crate) fn refusal(&self, chat: &Chat, request: AnswerRequest) -> Error {
        self.kafka.completions(&self.operator).start(chat.id, request).unwrap_err()
    }

    /// The texts of the active branch.
    pub(crate) fn branch(&self, chat: &Chat) -> Vec<String> {
        texts(&self.kafka.messages(&self.operator).list(chat.id, &PageRequest::first(200)).unwrap().items)
    }

    pub(crate) fn events(&self, id: ResponseId) -> Vec<Event> {
        all_events(&self.kafka, id)
    }
}

pub(crate) fn new_user(name: &str) -> NewUser {
    NewUser {
        email: format!("{name}@example.org"),
        username: Some(name.to_owned()),
        full_name: Some(format!("{name} K.")),
    }
}

/// A model of the scripted provider.
pub(crate) fn new_model(name: &str) -> NewModel {
    NewModel { provider: Some(MODEL.to_owned()), ..NewModel::new(name, "https://models.example/v1") }
}

/// An id that nothing has. Those of another stage will not do: they are made by the same count.
pub(crate) fn unheard_of<T: std::str::FromStr<Err: std::fmt::Debug>>() -> T {
    "0190b1a0-7c1e-7e7e-8e8e-00000000dead".parse().unwrap()
}

pub(crate) fn texts(messages: &[Message]) -> Vec<String> {
    messages.iter().map(|message| message.content.clone()).collect()
}

pub(crate) fn all_events(kafka: &Kafka, id: ResponseId) -> Vec<Event> {
    let stream = kafka.responses(&kafka.operator()).events(id, 0).unwrap();
    stream.map(Result::unwrap).collect()
}

/// What a provider was sent: role and text of each message.
pub(crate) fn sent(call: &ScriptedCall) -> Vec<(&str, &str)> {
    call.prompt.messages.iter().map(|message| (message.role.as_str(), message.content.as_str())).collect()
}
