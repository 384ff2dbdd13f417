//! The names of models that can be used, those that a gateway lists among them.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use kafka_core::{
    CallOptions, DeltaStream, ModelHealth, ModelPatch, NewModel, Prompt, Provider, ProviderError,
    Registration, Secret,
    testing::{Gate, ScriptedAnswer},
};

use crate::stage::{In, MODEL, Stage, new_model};

/// Lists what a test tells it.
#[derive(Debug, Default)]
struct Lists {
    names: Mutex<Option<Vec<String>>>,
    asked: AtomicUsize,
    last: Mutex<Option<CallOptions>>,
    /// Where it waits while it is asked.
    gate: Mutex<Option<Gate>>,
}

impl Provider for Lists {
    fn name(&self) -> &str {
        "lists"
    }

    fn complete(&self, _: &Prompt, _: &CallOptions) -> Result<DeltaStream, ProviderError> {
        Err(ProviderError::cancelled())
    }

    fn probe(&self, options: &CallOptions) -> Result<ModelHealth, ProviderError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        *self.last.lock().unwrap() = Some(options.clone());
        let gate = self.gate.lock().unwrap().clone();
        if let Some(gate) = gate {
            gate.wait();
        }
        match self.names.lock().unwrap().clone() {
            Some(models) => Ok(ModelHealth { reachable: true, models, ..ModelHealth::default() }),
            None => Ok(ModelHealth { detail: Some("Down.".into()), ..ModelHealth::default() }),
        }
    }
}

impl Lists {
    fn say(&self, names: &[&str]) {
        *self.names.lock().unwrap() = Some(names.iter().map(|name| (*name).to_owned()).collect());
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn stage() -> (Stage, Arc<Lists>) {
    let lists = Arc::new(Lists::default());
    let provider = lists.clone();
    let stage = Stage::with(
        In::Memory,
        |_| ScriptedAnswer::of(&["Yes."]),
        |config| {
            config.registration = Registration::Open;
            config.providers.push(provider);
        },
    );
    (stage, lists)
}

fn gateway(name: &str) -> NewModel {
    let api_key = Some(Secret::new("sk-gate".to_owned()));
    NewModel { is_gateway: true, provider: Some("lists".into()), api_key, ..new_model(name) }
}

fn offered(stage: &Stage) -> (Vec<String>, bool) {
    let offered = stage.kafka.models(&stage.operator).offered().unwrap();
    (offered.names, offered.is_cached)
}

#[test]
fn rows_come_first_and_what_the_gateway_lists_is_kept_for_an_hour() {
    let (stage, lists) = stage();
    assert_eq!(offered(&stage), (vec![MODEL.into(), "echo".into()], false));
    let row = stage.model(&stage.operator, gateway("gate"));
    lists.say(&["openai/gpt-4", "gate", "openai/gpt-4", " ", "a\nb", &"x".repeat(256)]);
    let names: Vec<String> = [MODEL, "gate", "echo", "openai/gpt-4"].map(str::to_owned).into();
    assert_eq!(offered(&stage), (names.clone(), false));
    lists.say(&["newer"]);
    assert_eq!(offered(&stage), (names.clone(), true));
    stage.clock.advance(Duration::from_secs(3_599));
    assert_eq!(offered(&stage), (names, true));
    assert_eq!(lists.asked(), 1);
    stage.clock.advance(Duration::from_secs(1));
    assert_eq!(offered(&stage).0[3], "newer");
    // Another key may open other models.
    let key = Some(Some(Secret::new("sk-other".to_owned())));
    stage
        .kafka
        .models(&stage.operator)
        .update(row.id, ModelPatch { api_key: key, ..ModelPatch::default() })
        .unwrap();
    lists.say(&["newest"]);
    assert_eq!((offered(&stage).0[3].as_str(), lists.asked()), ("newest", 3));
    // One call takes no longer than this, whatever the row says.
    let options = lists.last.lock().unwrap().clone().unwrap();
    assert_eq!(options.timeouts.total, Duration::from_secs(5));
    assert_eq!(options.api_key.unwrap().expose(), "sk-other");
}

#[test]
fn a_gateway_that_gives_no_list_is_left_out_and_left_alone_for_a_minute() {
    let (stage, lists) = stage();
    stage.model(&stage.operator, gateway("gate"));
    let rows = (vec![MODEL.to_owned(), "gate".into(), "echo".into()], false);
    assert_eq!(offered(&stage), rows);
    lists.say(&["late"]);
    assert_eq!((offered(&stage), lists.asked()), (rows, 1));
    stage.clock.advance(Duration::from_secs(60));
    assert_eq!((offered(&stage).0.pop().unwrap(), lists.asked()), ("late".into(), 2));
}

#[test]
fn who_comes_while_a_gateway_is_asked_waits_for_its_answer() {
    let (stage, lists) = stage();
    stage.model(&stage.operator, gateway("gate"));
    lists.say(&["listed"]);
    let gate = Gate::new();
    *lists.gate.lock().unwrap() = Some(gate.clone());
    thread::scope(|scope| {
        let asking: Vec<_> = (0..4).map(|_| scope.spawn(|| offered(&stage).0)).collect();
        while lists.asked() == 0 {
            thread::yield_now();
        }
        gate.open();
        for asked in asking {
            assert_eq!(asked.join().unwrap().pop().unwrap(), "listed");
        }
    });
    assert_eq!(lists.asked(), 1);
}

#[test]
fn a_long_list_is_cut_and_everyone_sees_their_own_gateway() {
    let (stage, lists) = stage();
    let many: Vec<String> = (0..6_000).map(|number| format!("m{number}")).collect();
    lists.say(&many.iter().map(String::as_str).collect::<Vec<_>>());
    let user = stage.user("k");
    stage.model(&user, gateway("mine"));
    let names = stage.kafka.models(&user).offered().unwrap().names;
    assert_eq!((names.len(), &*names[2], &*names[3]), (5_003, "echo", "m0"));
    // It is nobody else's.
    let other = stage.user("other");
    assert_eq!(stage.kafka.models(&other).offered().unwrap().names, [MODEL, "echo"]);
    assert_eq!(offered(&stage).0, [MODEL, "echo"]);
    assert_eq!(stage.kafka.models(&user).default_name().unwrap(), MODEL);
}
