//! Where models may be: which addresses, for whom.

use std::{
    collections::VecDeque,
    io,
    net::IpAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
};

use kafka_core::{
    Actor, AddressPolicy, AnswerRequest, Config, Error, ModelPatch, NewModel, NewToken, PageRequest, Params,
    Permission, Resolver, ResponseStatus, TimeoutSeconds,
    testing::{Gate, Script, ScriptedEndpoint},
};

use crate::stage::{In, Stage};

/// Names and what they lead to, each answer once, the last one for ever.
#[derive(Clone, Debug, Default)]
struct Names(Arc<Mutex<VecDeque<Vec<IpAddr>>>>);

impl Names {
    fn lead_to(&self, answers: &[&[&str]]) {
        let parsed = |answer: &&[&str]| answer.iter().map(|address| address.parse().unwrap()).collect();
        *self.0.lock().unwrap() = answers.iter().map(parsed).collect();
    }
}

impl Resolver for Names {
    fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        let mut answers = self.0.lock().unwrap();
        let answer = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
        answer.ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

/// In password mode, with an administrator and a user.
fn stage(change: impl FnOnce(&mut Config)) -> (Stage, Actor, Actor) {
    let stage = Stage::with(In::Memory, |_| Default::default(), change);
    let (admin, user) = (stage.user("ada"), stage.user("bob"));
    (stage, admin, user)
}

fn refusal(stage: &Stage, actor: &Actor, url: &str) -> Option<String> {
    let made = stage.kafka.models(actor).create(NewModel::new(url, url));
    made.err().map(|error| format!("{} {error}", error.code()))
}

/// Answers at once, but for names that begin with `slow`.
#[derive(Debug)]
struct Slow(Gate);

impl Resolver for Slow {
    fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        if host.starts_with("slow") {
            self.0.wait();
        }
        Ok(vec![[1, 1, 1, 1].into()])
    }
}

/// Names that nobody answers for hold up whoever saves them, and nobody else.
#[test]
fn one_account_has_two_of_the_lookups() {
    let gate = Gate::new();
    let slow = Arc::new(Slow(gate.clone()));
    let (stage, admin, user) = stage(|config| config.resolver = slow);
    for url in ["https://slow-1.example/v1", "https://slow-2.example/v1"] {
        // It is saved when nobody waits any more; the lookup goes on.
        assert_eq!(refusal(&stage, &user, url), None);
    }
    let refused = refusal(&stage, &user, "https://quick.example/v1").unwrap();
    assert!(refused.starts_with("lookups_at_capacity"), "{refused}");
    for actor in [&admin, &stage.operator] {
        assert_eq!(refusal(&stage, actor, "https://quick.example/v1"), None);
    }
    gate.open();
}

/// Leads to this machine: at once, or when the gate is opened, and then tells that it was asked.
#[derive(Debug)]
struct Halting {
    halts: AtomicBool,
    gate: Gate,
    asked: Mutex<mpsc::Sender<()>>,
}

impl Resolver for Halting {
    fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        if self.halts.load(Ordering::SeqCst) {
            self.asked.lock().unwrap().send(()).unwrap();
            self.gate.wait();
        }
        Ok(vec![[127, 0, 0, 1].into()])
    }
}

/// Nobody can interrupt who looks up a name, so a call that is cancelled leaves a thread behind: an owner's
/// are few, and do not keep others from their models.
#[test]
fn calls_that_were_cancelled_keep_their_places_to_connect_from() {
    let endpoint = ScriptedEndpoint::start(|_| Script::stream(&["x"]));
    let (asked, was_asked) = mpsc::channel();
    let (gate, asked) = (Gate::new(), Mutex::new(asked));
    let resolver = Arc::new(Halting { halts: AtomicBool::new(false), gate: gate.clone(), asked });
    let halting = Arc::clone(&resolver);
    let (stage, admin, _) = stage(|config| config.resolver = resolver);
    let url = format!("http://models.example:{}", endpoint.base_url().rsplit(':').next().unwrap());
    let seconds = TimeoutSeconds { connect: Some(0.2), ..TimeoutSeconds::default() };
    let params = Params { timeouts: Some(seconds), ..Params::default() };
    stage
        .model(&stage.operator, NewModel { params: params.clone(), ..NewModel::new("shared", url.as_str()) });
    let ask = |model: &str| {
        let request = AnswerRequest { model: Some(model.to_owned()), ..AnswerRequest::text("Hi") };
        stage.kafka.completions(&admin).start(stage.chat_of(&admin).id, request).unwrap()
    };
    let patient = Params { timeouts: None, ..params.clone() };
    stage.model(&admin, NewModel { params: patient, ..NewModel::new("patient", url.as_str()) });
    stage.model(&admin, NewModel { params, ..NewModel::new("mine", url.as_str()) });
    halting.halts.store(true, Ordering::SeqCst);
    for _ in 0..64 {
        let turn = ask("patient");
        was_asked.recv().unwrap();
        turn.cancel().unwrap();
        assert_eq!(turn.wait().unwrap().response.status, ResponseStatus::Cancelled);
    }
    halting.halts.store(false, Ordering::SeqCst);
    let response = ask("mine").wait().unwrap().response;
    let code = response.error.map(|error| error.code);
    assert_eq!((response.status, code.as_deref()), (ResponseStatus::Failed, Some("provider_timeout")));
    assert_eq!(ask("shared").wait().unwrap().response.status, ResponseStatus::Completed);
    gate.open();
}

/// Whoever answers for a name may say a thousand addresses, each of which takes its time.
#[test]
fn four_addresses_of_a_host_are_tried() {
    let endpoint = ScriptedEndpoint::start(|_| Script::stream(&["x"]));
    let names = Names::default();
    let resolver = Arc::new(names.clone());
    let (stage, ..) = stage(|config| config.resolver = resolver);
    let port = endpoint.base_url().rsplit(':').next().unwrap().to_owned();
    let url = format!("http://models.example:{port}");
    // Nothing listens at the others.
    names.lead_to(&[&["127.0.0.1"]]);
    stage.model(&stage.operator, NewModel::new("many", url));
    let ask = || {
        let request = AnswerRequest { model: Some("many".to_owned()), ..AnswerRequest::text("Hi") };
        stage.ask(&stage.chat(), request).response.status
    };
    names.lead_to(&[&["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.1"]]);
    assert_eq!(ask(), ResponseStatus::Completed);
    names.lead_to(&[&["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5", "127.0.0.1"]]);
    assert_eq!(ask(), ResponseStatus::Failed);
}

#[test]
fn private_endpoints_are_for_those_who_run_the_installation() {
    let urls = [
        "http://127.0.0.1:11434/v1",
        "http://10.0.0.7/v1",
        "http://[::1]:8080/v1",
        "http://localhost:9/v1",
        "http://2130706433:9/v1",
        "http://0x7f.1:9/v1",
        "http://127.1:9/v1",
        "http://[::ffff:127.0.0.1]:9/v1",
    ];
    for open in [true, false] {
        let (stage, admin, user) = stage(|config| config.open = open);
        for url in urls {
            for (who, actor, is_allowed) in
                [("operator", stage.operator, true), ("admin", admin, true), ("user", user, open)]
            {
                let refused = refusal(&stage, &actor, url);
                assert_eq!(refused.is_none(), is_allowed, "{who}, open: {open}, {url}: {refused:?}");
                assert!(refused.is_none_or(|why| why.starts_with("base_url_refused ")));
            }
        }
    }
}

#[test]
fn metadata_services_are_for_nobody() {
    let (stage, admin, user) = stage(|config| config.model_hosts = vec!["169.254.169.254".parse().unwrap()]);
    for url in [
        "http://169.254.169.254/v1",
        "http://2852039166/v1",
        "http://[::ffff:a9fe:a9fe]/v1",
        "http://0.0.0.0:9/v1",
        "http://[fd00:ec2::254]/v1",
    ] {
        for actor in [stage.operator, admin, user] {
            assert!(refusal(&stage, &actor, url).unwrap().starts_with("base_url_refused "), "{url}");
        }
    }
}

#[test]
fn hosts_that_the_operator_allows_may_be_private() {
    let names = Names::default();
    let (stage, _, user) = stage(|config| {
        config.model_hosts = vec!["ollama.lan:11434".parse().unwrap(), "10.0.0.7".parse().unwrap()];
        config.resolver = Arc::new(names.clone());
    });
    names.lead_to(&[&["10.0.0.7"]]);
    assert_eq!(refusal(&stage, &user, "http://ollama.lan:11434/v1"), None);
    assert_eq!(refusal(&stage, &user, "http://10.0.0.7:8080/v1"), None);
    assert!(refusal(&stage, &user, "http://ollama.lan:8080/v1").is_some(), "another port");
    assert!(
        refusal(&stage, &user, "http://other.lan:11434/v1").is_some(),
        "another name of the same machine"
    );
}

/// Whoever owns a name can let it lead elsewhere once it was looked at.
#[test]
fn a_name_is_looked_up_and_checked_again_by_whoever_connects() {
    let endpoint = ScriptedEndpoint::start(|_| Script::stream(&["hello"]));
    let port = endpoint.host().rsplit(':').next().unwrap().to_owned();
    let url = format!("http://models.example:{port}/v1");
    let table: &[(&[&[&str]], bool)] = &[
        // Public when it is saved, private when it is called.
        (&[&["1.1.1.1"], &["127.0.0.1"]], false),
        // One of several addresses is enough to refuse all.
        (&[&["1.1.1.1"], &["1.1.1.1", "127.0.0.1"]], false),
        (&[&["1.1.1.1"], &["169.254.169.254"]], false),
        // Not known when it is saved.
        (&[&[], &["127.0.0.1"]], false),
        (&[&["127.0.0.1"]], true),
    ];
    for (answers, is_allowed) in table {
        let names = Names::default();
        let (stage, admin, user) = stage(|config| config.resolver = Arc::new(names.clone()));
        names.lead_to(answers);
        let actor = if *is_allowed { admin } else { user };
        stage.kafka.models(&actor).create(NewModel::new("named", &url)).unwrap();
        let chat = stage.chat_of(&actor);
        let request = AnswerRequest { model: Some("named".into()), ..AnswerRequest::text("Hi") };
        let answer = stage.kafka.completions(&actor).start(chat.id, request).unwrap().wait().unwrap();
        let error = answer.response.error.as_ref().map(|error| error.code.as_str());
        match is_allowed {
            true => assert_eq!((answer.response.status, error), (ResponseStatus::Completed, None)),
            false => assert_eq!(error, Some("base_url_refused"), "{answers:?}"),
        }
        assert_eq!(endpoint.requests().len(), usize::from(*is_allowed), "{answers:?}");
    }
}

#[test]
fn an_embedding_application_may_keep_all_to_public_addresses() {
    let (stage, admin, _) = stage(|config| config.addresses = AddressPolicy::PublicOnly);
    for actor in [stage.operator, admin] {
        assert!(refusal(&stage, &actor, "http://127.0.0.1:9/v1").is_some());
    }
}

/// An API key of an account.
fn key(stage: &Stage, account: &Actor, scopes: &str) -> Actor {
    let name = scopes.to_owned();
    let scopes = scopes.split(' ').map(|scope| scope.parse::<Permission>().unwrap()).collect();
    let new = NewToken { name, scopes: Some(scopes), expires_at: None };
    stage.kafka.authenticate(&stage.kafka.tokens(account).create(new).unwrap().token).unwrap()
}

/// Others' prompts go where a shared model of the name leads.
#[test]
fn a_name_that_others_use_is_rebound_by_those_who_administer_and_nobody_else() {
    let (stage, admin, user) = stage(|_| {});
    let models = |actor: &Actor| stage.kafka.models(actor);
    let new = || NewModel::new("shared", "http://192.0.2.1/v1");
    let shared = models(&stage.operator).create(new()).unwrap();
    let moved = ModelPatch { base_url: Some("http://192.0.2.2/v1".to_owned()), ..ModelPatch::default() };
    let table = [
        (user, Some("model_not_found")),
        (key(&stage, &user, "models:write admin:write"), Some("model_not_found")),
        (key(&stage, &admin, "models:write"), Some("model_not_found")),
        (key(&stage, &admin, "models:write admin:read"), Some("model_not_found")),
        (key(&stage, &admin, "admin:write"), Some("scope_missing")),
        (key(&stage, &admin, "models:write admin:write"), None),
    ];
    for (actor, expected) in table {
        let code = |error: Error| error.code();
        assert_eq!(models(&actor).update(shared.id, moved.clone()).err().map(code), expected, "{actor:?}");
        if expected.is_some() {
            assert_eq!(models(&actor).delete(shared.id).err().map(code), expected, "{actor:?}");
        }
    }
    // A model of the same name that is one's own is nobody else's.
    models(&key(&stage, &admin, "models:write")).create(new()).unwrap();
    let seen = models(&user).list(&PageRequest::default()).unwrap().items;
    let of_the_name: Vec<_> = seen.iter().filter(|model| model.name == "shared").collect();
    assert_eq!((of_the_name.len(), of_the_name[0].id), (1, shared.id));
    let for_another = NewModel { user_id: user.user_id(), ..new() };
    let refused = models(&key(&stage, &admin, "models:write admin:write")).create(for_another).unwrap_err();
    assert_eq!(refused.code(), "owner_not_yours");
}

/// Whoever finds a key of an administrator that is only for models finds no more than a user's key.
#[test]
fn a_key_that_may_not_administer_reaches_no_private_address() {
    let endpoint = ScriptedEndpoint::start(|_| Script::stream(&["hello"]));
    let url = format!("http://{}/v1", endpoint.host());
    let (stage, admin, _) = stage(|_| {});
    let key = |scopes: &str| key(&stage, &admin, scopes);
    let saved = stage.kafka.models(&admin).create(NewModel::new("local", &url)).unwrap();
    let table =
        [("models:write", false), ("models:write admin:read", false), ("models:write admin:write", true)];
    for (scopes, is_allowed) in table {
        let actor = key(scopes);
        let models = stage.kafka.models(&actor);
        let refused = models.create(NewModel::new(scopes, &url)).err().map(|error| error.code());
        assert_eq!(refused, (!is_allowed).then_some("base_url_refused"), "{scopes}");
        let moved = ModelPatch { base_url: Some(url.clone()), ..ModelPatch::default() };
        assert_eq!(models.update(saved.id, moved).is_ok(), is_allowed, "{scopes}");
        let asked = endpoint.requests().len();
        models.probe(saved.id).unwrap();
        assert_eq!(endpoint.requests().len() > asked, is_allowed, "{scopes}");
    }
    // What was saved is used by keys that are only for chatting.
    let actor = key("chats:write");
    let chat = stage.chat_of(&actor);
    let request = AnswerRequest { model: Some("local".into()), ..AnswerRequest::text("Hi") };
    let answer = stage.kafka.completions(&actor).start(chat.id, request).unwrap().wait().unwrap();
    assert_eq!(answer.response.status, ResponseStatus::Completed);
}

/// Names of the network around the installation lead somewhere, which is not for everyone to know.
#[test]
fn addresses_behind_names_are_told_to_those_who_run_the_installation() {
    let names = Names::default();
    let (stage, admin, user) = stage(|config| {
        config.resolver = Arc::new(names.clone());
        config.addresses = AddressPolicy::PublicOnly;
    });
    names.lead_to(&[&["10.1.2.3"]]);
    for (actor, is_told) in [(stage.operator, true), (admin, true), (user, false)] {
        let why = refusal(&stage, &actor, "http://git.corp/v1").unwrap();
        assert_eq!(why.contains("10.1.2.3"), is_told, "{why}");
    }
    // Found out later, when it is connected to.
    names.lead_to(&[&["1.1.1.1"], &["10.1.2.3"]]);
    let model = stage.kafka.models(&user).create(NewModel::new("moved", "http://git.corp/v1")).unwrap();
    let health = format!("{:?}", stage.kafka.models(&user).probe(model.id).unwrap());
    assert!(health.contains("an address that models may not have"), "{health}");
    assert!(!health.contains("10.1.2.3"), "{health}");
}
