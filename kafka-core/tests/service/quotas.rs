//! Plans, and what they allow.

use std::{
    fs,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Duration,
};

use kafka_core::{
    Actor, AnswerRequest, Chat, Config, Delta, DocumentPlace, Error, ErrorKind, Kafka, NewChat, NewFile,
    NewPlan, NewUser, Params, Period, Plan, PlanPatch, ResponseStatus, Secret, TokenUsage, ToolCall,
    UsageSummary,
    testing::{Gate, ScriptedAnswer, ScriptedCall},
};
use proptest::prelude::*;
use serde_json::json;

use crate::stage::{In, PASSWORD, Stage};

/// An installation that enforces plans, with its administrator and an account whose plan `small` has
/// these limits. Questions are "Hi": 5 tokens by estimate, alone in their chats.
struct Office {
    stage: Stage,
    admin: Actor,
    user: Actor,
}

fn office(
    place: In,
    script: impl Fn(&ScriptedCall) -> ScriptedAnswer + Send + Sync + 'static,
    plan: NewPlan,
) -> Office {
    office_with(place, script, plan, |_| {})
}

fn office_with(
    place: In,
    script: impl Fn(&ScriptedCall) -> ScriptedAnswer + Send + Sync + 'static,
    plan: NewPlan,
    change: impl FnOnce(&mut Config),
) -> Office {
    let stage = Stage::with(place, script, |config| {
        config.quotas = true;
        change(config);
    });
    // The first account administers, unless everyone does.
    let (admin, user) = (stage.user("admin"), stage.user("k"));
    let plans = stage.kafka.plans(&stage.operator);
    plans.create(NewPlan { name: "small".into(), ..plan }).unwrap();
    for actor in [&admin, &user] {
        let account = plans.assign(actor.user_id().unwrap(), "small").unwrap();
        assert_eq!(account.plan, "small");
    }
    Office { stage, admin, user }
}

fn tokens(limit: u64) -> NewPlan {
    NewPlan { token_limit_daily: Some(limit), ..NewPlan::default() }
}

fn at_most(max_tokens: u32) -> AnswerRequest {
    let params = Params { max_tokens: Some(max_tokens), ..Params::default() };
    AnswerRequest { params: Some(params), ..AnswerRequest::text("Hi") }
}

impl Office {
    fn chat(&self) -> Chat {
        self.stage.chat_of(&self.user)
    }

    fn refusal(&self, request: AnswerRequest) -> Error {
        let chat = self.chat();
        let error = self.stage.kafka.completions(&self.user).start(chat.id, request).unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::QuotaExceeded, "quota_exceeded"));
        assert!(self.stage.branch(&chat).is_empty(), "of what is refused nothing is stored");
        error
    }

    fn ask(&self, request: AnswerRequest) -> kafka_core::Answer {
        self.stage.kafka.completions(&self.user).start(self.chat().id, request).unwrap().wait().unwrap()
    }

    /// What finds the files as they are now, after `meanwhile`, and the account there.
    fn after_a_crash(&self, meanwhile: impl FnOnce(&Office)) -> (Kafka, Actor) {
        let copy = self.stage.directory().join("after the crash.db");
        for suffix in ["", "-wal"] {
            let with = |path: &std::path::Path| format!("{}{suffix}", path.display());
            fs::copy(with(&self.stage.database()), with(&copy)).unwrap();
        }
        meanwhile(self);
        let mut config = Config::file(copy);
        config.quotas = true;
        config.clock = std::sync::Arc::new(self.stage.clock.clone());
        config.providers.push(self.stage.provider.clone());
        let kafka = Kafka::open(config).unwrap();
        let token = kafka.login("k", Secret::new(PASSWORD.into())).unwrap().token;
        let me = kafka.authenticate(&token).unwrap();
        (kafka, me)
    }

    fn usage(&self) -> UsageSummary {
        self.stage.kafka.usage(&self.user).summary(Period::default()).unwrap()
    }
}

#[test]
fn plans_are_made_read_changed_given_and_deleted() {
    let stage = Stage::new(In::Memory);
    let (admin, user) = (stage.user("admin"), stage.user("k"));
    let names = |actor: &Actor| -> Vec<String> {
        stage.kafka.plans(actor).list().unwrap().into_iter().map(|plan| plan.name).collect()
    };
    let plans = stage.kafka.plans(&admin);
    assert_eq!(plans.get("free").unwrap().token_limit_daily, None, "the first plan is unlimited");
    let new = NewPlan { name: "pro".into(), chat_limit: Some(9), ..tokens(100) };
    let made = plans.create(new.clone()).unwrap();
    assert_eq!((made.token_limit_daily, made.document_limit, made.chat_limit), (Some(100), None, Some(9)));
    assert_eq!(plans.create(new).unwrap_err().code(), "plan_exists");
    let patch = PlanPatch { chat_limit: Some(None), document_limit: Some(Some(0)), ..PlanPatch::default() };
    let changed = plans.update("pro", patch).unwrap();
    assert_eq!(changed, Plan { chat_limit: None, document_limit: Some(0), ..made });
    assert_eq!(plans.get("pro").unwrap(), changed);
    assert_eq!(names(&user), ["free", "pro"], "everyone may know them");

    let id = user.user_id().unwrap();
    assert_eq!(plans.assign(id, "pro").unwrap().plan, "pro");
    assert_eq!(stage.kafka.users(&user).get(id).unwrap().plan, "pro");
    assert_eq!(plans.delete("pro").unwrap_err().code(), "plan_in_use");
    plans.assign(id, "free").unwrap();
    plans.delete("pro").unwrap();
    assert_eq!(names(&admin), ["free"]);

    let table: [(&str, Error); 7] = [
        ("plan_not_found", plans.delete("pro").unwrap_err()),
        ("plan_not_found", plans.get("pro").unwrap_err()),
        ("plan_not_found", plans.assign(id, "pro").unwrap_err()),
        ("plan_not_found", plans.update("pro", patch).unwrap_err()),
        ("user_not_found", plans.assign(crate::stage::unheard_of(), "free").unwrap_err()),
        ("name_empty", plans.create(NewPlan::default()).unwrap_err()),
        ("limit_out_of_range", plans.create(NewPlan { name: "x".into(), ..tokens(u64::MAX) }).unwrap_err()),
    ];
    for (code, error) in table {
        assert_eq!(error.code(), code);
    }
    stage.kafka.plans(&stage.operator).load_docuchat().unwrap();
    plans.assign(admin.user_id().unwrap(), "enterprise").unwrap();
    stage.kafka.users(&user).delete(id).unwrap();
    assert_eq!(plans.delete("free").unwrap_err().code(), "plan_in_use", "who comes next gets it");
}

#[test]
fn only_administrators_change_plans() {
    let stage = Stage::new(In::Memory);
    let (_, user) = (stage.user("admin"), stage.user("k"));
    let plans = stage.kafka.plans(&user);
    let refused = [
        plans.create(NewPlan { name: "mine".into(), ..NewPlan::default() }).unwrap_err(),
        plans.update("free", PlanPatch::default()).unwrap_err(),
        plans.assign(user.user_id().unwrap(), "free").unwrap_err(),
        plans.delete("free").unwrap_err(),
        plans.load_docuchat().unwrap_err(),
    ];
    for error in refused {
        assert_eq!((error.kind(), error.code()), (ErrorKind::Forbidden, "admin_required"));
    }
}

#[test]
fn docuchats_plans_are_loaded_over_those_that_are_there() {
    let stage = Stage::new(In::Memory);
    let plans = stage.kafka.plans(&stage.operator);
    let free = plans.get("free").unwrap().id;
    for _ in 0..2 {
        let loaded = plans.load_docuchat().unwrap();
        let limits = |plan: &Plan| (plan.token_limit_daily, plan.document_limit, plan.chat_limit);
        let loaded: Vec<_> = loaded.iter().map(|plan| (plan.name.as_str(), limits(plan))).collect();
        let of = |tokens, documents, chats| (Some(tokens), Some(documents), Some(chats));
        let expected = [
            ("free", of(10_000, 5, 3)),
            ("pro", of(100_000, 50, 25)),
            ("enterprise", of(1_000_000, 500, 100)),
        ];
        assert_eq!(loaded, expected);
    }
    assert_eq!(plans.get("free").unwrap().id, free, "accounts keep theirs");
}

/// A day's tokens are refused with what would be enough, and are there again at midnight.
#[test]
fn a_day_has_so_many_tokens_and_midnight_brings_new_ones() {
    let office = office(In::Memory, |_| ScriptedAnswer::of(&["Well."]), tokens(20));
    office.stage.clock.advance(Duration::from_millis(3_600_500));
    // 5 for the question and 10 for the answer, which then takes 3 and 2.
    assert_eq!(office.ask(at_most(10)).response.status, ResponseStatus::Completed);
    assert_eq!(office.usage().daily_token_count, 5);
    let refused = office.refusal(at_most(11));
    assert_eq!(
        refused.message(),
        "The plan small allows 20 tokens a day, of which 15 are left, and this answer may cost 16; ask with \
         max_tokens up to 10, wait for midnight UTC, or ask for a plan with at least 21."
    );
    assert_eq!(refused.retry_after(), Some(Duration::from_millis(82_799_500)));
    office.ask(at_most(10));
    office.ask(at_most(5));
    office.refusal(at_most(1));
    office.stage.clock.advance(Duration::from_millis(82_799_499));
    let refused = office.refusal(at_most(10));
    assert_eq!(refused.retry_after(), Some(Duration::from_millis(1)));
    office.stage.clock.advance(Duration::from_millis(1));
    office.ask(at_most(10));
    assert_eq!(office.usage().daily_token_count, 5);
    let larger = PlanPatch { token_limit_daily: Some(Some(21)), ..PlanPatch::default() };
    office.refusal(at_most(12));
    office.stage.kafka.plans(&office.admin).update("small", larger).unwrap();
    office.ask(at_most(11));
}

/// Without `max_tokens` an answer gets what is left, up to the default, and ends where that does.
#[test]
fn an_answer_of_unknown_length_ends_where_its_share_does() {
    let script = |_: &_| {
        let long = "äöü ".repeat(100);
        ScriptedAnswer::new().text("Dear K., ").text(&long).usage(5, 200).finish()
    };
    let office =
        office_with(In::Memory, script, tokens(60), |config| config.limits.reserved_answer_tokens = 20);
    let answer = office.ask(AnswerRequest::text("Hi"));
    let response = &answer.response;
    assert_eq!(
        (response.status, response.finish_reason.as_deref()),
        (ResponseStatus::Interrupted, Some("length"))
    );
    let error = response.error.as_ref().unwrap();
    assert_eq!(error.code, "quota_exceeded");
    assert!(error.detail.contains("wait until midnight UTC"), "{}", error.detail);
    // 20 tokens are 160 bytes at most; no character is cut in two.
    assert_eq!(answer.message.content.len(), 160, "{}", answer.message.content);
    assert_eq!((response.usage_estimated, response.tokens_total), (true, Some(25)));
    office.ask(AnswerRequest::text("Hi"));
    assert_eq!(office.usage().daily_token_count, 50);
    let last = office.ask(AnswerRequest::text("Hi"));
    assert_eq!((last.message.content.len(), last.response.tokens_total), (39, Some(10)));
    assert_eq!(office.usage().daily_token_count, 60);
    let refused = office.refusal(AnswerRequest::text("Hi"));
    assert!(refused.message().contains("0 are left, and this answer may cost 10; wait"), "{refused}");
}

/// Calls of tools are of the answer's share, whole or not at all.
#[test]
fn calls_of_tools_end_where_the_share_does() {
    let script = |_: &_| {
        let call = |id: &str| ToolCall {
            id: id.into(),
            name: "look".into(),
            arguments: r#"{"at":"the castle"}"#.into(),
            incomplete: false,
        };
        let calls = ["a", "b", "c"].map(|id| Delta::ToolCall(call(id)));
        calls.into_iter().fold(ScriptedAnswer::new(), ScriptedAnswer::say).usage(5, 200).finish()
    };
    let office =
        office_with(In::Memory, script, tokens(60), |config| config.limits.reserved_answer_tokens = 8);
    let answer = office.ask(AnswerRequest::text("Hi"));
    // 8 tokens are 64 bytes at most, and a call has 23.
    assert_eq!(answer.message.parts.unwrap().as_array().unwrap().len(), 2);
    assert_eq!(answer.response.status, ResponseStatus::Interrupted);
    assert_eq!(answer.response.error.unwrap().code, "quota_exceeded");
    assert_eq!(office.usage().daily_token_count, 13);
}

/// What OpenAI's reasoning models call `max_tokens`, and what a model's row says, count as well.
#[test]
fn whoever_states_the_length_is_believed() {
    let office = office(In::Memory, |_| ScriptedAnswer::of(&["Well."]), tokens(20));
    let extra = [("max_completion_tokens".to_owned(), 16.into())].into();
    let params = Params { extra, ..Params::default() };
    office.refusal(AnswerRequest { params: Some(params), ..AnswerRequest::text("Hi") });
    let row = kafka_core::NewModel {
        params: Params { max_tokens: Some(16), ..Params::default() },
        ..crate::stage::new_model("wordy")
    };
    office.stage.model(&office.stage.operator, row);
    let wordy = |request| AnswerRequest { model: Some("wordy".into()), ..request };
    office.refusal(wordy(AnswerRequest::text("Hi")));
    office.ask(wordy(at_most(15)));
}

/// Endpoints differ in which of the two names they heed, so what is kept free is the larger.
#[test]
fn of_two_lengths_the_larger_one_is_kept_free() {
    let gate = Gate::new();
    let office = office(In::Memory, greedy(&gate), tokens(100));
    let newer = |tokens: u64| [("max_completion_tokens".to_owned(), tokens.into())].into();
    let both = Params { max_tokens: Some(1), extra: newer(96), ..Params::default() };
    let ask = |params| AnswerRequest { params: Some(params), ..AnswerRequest::text("Hi") };
    office.refusal(ask(both));
    let row = kafka_core::NewModel {
        params: Params { extra: newer(96), ..Params::default() },
        ..crate::stage::new_model("wordy")
    };
    office.stage.model(&office.stage.operator, row);
    office.refusal(AnswerRequest { model: Some("wordy".into()), ..at_most(1) });
    office.refusal(AnswerRequest { model: Some("wordy".into()), ..AnswerRequest::text("Hi") });
    gate.open();
    office.ask(ask(Params { max_tokens: Some(1), extra: newer(95), ..Params::default() }));
}

/// What would cost more than anybody can say is refused where plans bind, and nowhere else.
#[test]
fn under_a_plan_a_question_has_one_answer_of_a_length_that_is_a_number() {
    let office = office(In::Memory, |_| ScriptedAnswer::of(&["x"]), tokens(10_000));
    let completions = office.stage.kafka.completions(&office.user);
    for (name, bad, fine) in [
        ("n", vec![json!(2), json!("1"), json!(1.5)], vec![json!(1), json!(null)]),
        ("best_of", vec![json!(3)], vec![json!(1)]),
        ("max_completion_tokens", vec![json!("5000"), json!(-1), json!(1e30)], vec![json!(7), json!(null)]),
    ] {
        let ask = |value: &serde_json::Value| {
            let params = Params { extra: [(name.to_owned(), value.clone())].into(), ..Params::default() };
            AnswerRequest { params: Some(params), ..AnswerRequest::text("Hi") }
        };
        for value in bad {
            let error = completions.start(office.chat().id, ask(&value)).unwrap_err();
            assert_eq!(
                (error.kind(), error.code()),
                (ErrorKind::Invalid, "params_out_of_range"),
                "{name} {value}"
            );
            assert!(error.message().contains(name), "{error}");
            let unbound = office.stage.kafka.completions(&office.admin);
            let chat = office.stage.chat_of(&office.admin);
            unbound.start(chat.id, ask(&value)).unwrap().wait().unwrap();
        }
        fine.iter().for_each(|value| drop(office.ask(ask(value))));
    }
}

/// Tools and the form of an answer are read by the model, so they cost what text costs.
#[test]
fn what_is_sent_besides_the_messages_is_kept_free_and_counted() {
    let gate = Gate::new();
    let hold = gate.clone();
    let script = move |_: &_| ScriptedAnswer::new().text("Well").wait_for(&hold).finish();
    let office = office(In::Memory, script, tokens(200));
    // With its name 400 bytes each, in JSON.
    let tools =
        Params { extra: [("tools".to_owned(), json!(["x".repeat(391)]))].into(), ..Params::default() };
    let form = Params { response_format: Some(json!({"type": "x".repeat(373)})), ..Params::default() };
    for params in [tools, form] {
        let ask = |max_tokens| {
            let params = Params { max_tokens: Some(max_tokens), ..params.clone() };
            AnswerRequest { params: Some(params), ..AnswerRequest::text("Hi") }
        };
        let refused = office.refusal(ask(100));
        assert!(refused.message().contains("may cost 205"), "{refused}");
    }
    gate.open();
    let extra = [("tools".to_owned(), json!(["x".repeat(391)]))].into();
    let params = Params { max_tokens: Some(20), extra, ..Params::default() };
    let asked = AnswerRequest { params: Some(params), ..AnswerRequest::text("Hi") };
    assert_eq!(office.ask(asked).response.tokens_prompt, Some(105));
}

/// The endpoint is told how long the answer may become, if nobody has, and the history leaves it room.
#[test]
fn the_endpoint_is_told_what_is_kept_free() {
    let office = office_with(
        In::Memory,
        |_| ScriptedAnswer::of(&["x"]),
        tokens(100),
        |config| {
            config.limits.reserved_answer_tokens = 60;
        },
    );
    let told = || {
        let params = office.stage.provider.calls().pop().unwrap().options.params;
        (params.max_tokens, params.extra.get("max_completion_tokens").cloned())
    };
    office.ask(AnswerRequest::text("Hi"));
    assert_eq!(told(), (Some(60), None));
    office.ask(at_most(7));
    assert_eq!(told(), (Some(7), None));
    let params =
        Params { extra: [("max_completion_tokens".to_owned(), json!(9))].into(), ..Params::default() };
    office.ask(AnswerRequest { params: Some(params), ..AnswerRequest::text("Hi") });
    assert_eq!(told(), (None, Some(json!(9))));
    let params = Params { context_tokens: Some(40), ..Params::default() };
    office.ask(AnswerRequest { params: Some(params), ..AnswerRequest::text("Hi") });
    assert_eq!(told(), (Some(35), None), "no more than the context has room for");
    let chat = office.stage.chat_of(&office.admin);
    let unbound = office.stage.kafka.completions(&office.admin);
    unbound.start(chat.id, AnswerRequest::text("Hi")).unwrap().wait().unwrap();
    assert_eq!(told(), (None, None), "whom no plan binds");
}

/// A caller who says how long an answer may become is not given more by an endpoint that does not listen.
#[test]
fn an_endpoint_that_disobeys_is_cut_off() {
    let script = |_: &_| ScriptedAnswer::new().text(&"x".repeat(1000)).finish();
    let office = office(In::Memory, script, tokens(60));
    let answer = office.ask(at_most(10));
    assert_eq!((answer.response.status, answer.message.content.len()), (ResponseStatus::Interrupted, 80));
    assert_eq!(office.usage().daily_token_count, 15);
}

/// Once the endpoint has the question it counts it, whatever becomes of the answer.
#[test]
fn a_question_that_was_sent_is_paid_without_an_answer() {
    let gate = Gate::new();
    let hold = gate.clone();
    let script = move |call: &ScriptedCall| match call.number {
        0 => ScriptedAnswer::new().wait_for(&hold).finish(),
        _ => ScriptedAnswer::new().fail(kafka_core::ProviderError::new(
            ErrorKind::Timeout,
            "provider_timeout",
            "Too slow.",
        )),
    };
    let office = office(In::Memory, script, tokens(100));
    let completions = office.stage.kafka.completions(&office.user);
    let chat = office.chat();
    let first = completions.start(chat.id, at_most(10)).unwrap();
    office.stage.provider.wait_for_calls(1);
    let waiting = completions.start(chat.id, at_most(10)).unwrap();
    waiting.cancel().unwrap();
    assert_eq!(waiting.wait().unwrap().response.tokens_total, None, "no endpoint has heard of it");
    assert_eq!(office.usage().daily_token_count, 0);
    first.cancel().unwrap();
    assert_eq!(first.wait().unwrap().response.tokens_total, Some(5));
    let failed = office.ask(at_most(10)).response;
    assert_eq!((failed.status, failed.tokens_total), (ResponseStatus::Failed, Some(5)));
    assert_eq!(office.usage().daily_token_count, 10);
}

/// A process that was killed before midnight had the tokens of that day, whenever that is found.
#[test]
#[cfg_attr(feature = "postgres", ignore = "a copy of SQLite's files")]
fn what_a_dead_process_was_asked_is_counted_on_that_day() {
    let gate = Gate::new();
    let hold = gate.clone();
    let script = move |_: &_| ScriptedAnswer::new().wait_for(&hold).finish();
    let office = office(In::File, script, tokens(100));
    let completions = office.stage.kafka.completions(&office.user);
    let chat = office.chat();
    let asked = completions.start(chat.id, at_most(10)).unwrap();
    office.stage.provider.wait_for_calls(1);
    let waits = completions.start(chat.id, at_most(10)).unwrap();
    let (kafka, me) = office.after_a_crash(|office| {
        office.stage.clock.advance(Duration::from_secs(86_400));
    });
    let usage = kafka.usage(&me).summary(Period::default()).unwrap();
    assert_eq!((usage.daily_token_count, usage.total_tokens_used), (0, 5), "what was sent, yesterday");
    let total = |id| kafka.responses(&me).get(id).unwrap().tokens_total;
    assert_eq!((total(asked.id()), total(waits.id())), (Some(5), None), "what waited was not sent");
    gate.open();
}

#[test]
fn a_plan_has_room_for_so_many_chats() {
    let office = office(
        In::Memory,
        |_| ScriptedAnswer::of(&["x"]),
        NewPlan { chat_limit: Some(2), ..NewPlan::default() },
    );
    let chats = office.stage.kafka.chats(&office.user);
    let first = office.chat();
    office.chat();
    let refused = chats.create(NewChat::default()).unwrap_err();
    assert_eq!((refused.kind(), refused.code()), (ErrorKind::QuotaExceeded, "quota_exceeded"));
    assert_eq!(refused.retry_after(), Some(Duration::from_secs(3600)));
    assert!(
        refused.message().contains("allows 2 chats") && refused.message().contains("at least 3"),
        "{refused}"
    );
    // Quotas are the owner's, whoever makes the chat.
    let for_user = NewChat { user_id: office.user.user_id(), ..NewChat::default() };
    let by_operator = office.stage.kafka.chats(&office.stage.operator).create(for_user);
    assert_eq!(by_operator.unwrap_err().code(), "quota_exceeded");
    chats.delete(first.id).unwrap();
    office.chat();
    assert_eq!(office.usage().session_count, 2);
}

#[test]
fn whom_plans_do_not_bind() {
    let nothing = || NewPlan { chat_limit: Some(0), ..tokens(0) };
    let answer = |_: &_| ScriptedAnswer::of(&["x"]);
    let may = |stage: &Stage, actor: &Actor| {
        let chat = stage.kafka.chats(actor).create(NewChat::default())?;
        stage.kafka.completions(actor).start(chat.id, AnswerRequest::text("Hi"))?.wait()
    };
    let office_of = |change: fn(&mut Config)| office_with(In::Memory, answer, nothing(), change);
    let enforced = office_of(|_| {});
    assert_eq!(may(&enforced.stage, &enforced.user).unwrap_err().code(), "quota_exceeded");
    may(&enforced.stage, &enforced.admin).unwrap();
    may(&enforced.stage, &enforced.stage.operator).unwrap();
    let limits = |office: &Office, actor: &Actor| {
        let usage = office.stage.kafka.usage(actor).summary(Period::default()).unwrap();
        usage.limits.unwrap()
    };
    let shown = limits(&enforced, &enforced.user);
    assert_eq!((shown.plan.as_str(), shown.token_limit_daily, shown.chat_limit), ("small", Some(0), Some(0)));
    assert!(shown.enforced && !limits(&enforced, &enforced.admin).enforced);
    for change in [|config: &mut Config| config.quotas = false, |config: &mut Config| config.open = true] {
        let lax = office_of(change);
        may(&lax.stage, &lax.user).unwrap();
        assert!(!limits(&lax, &lax.user).enforced);
    }
    // A plan without limits.
    let free = office(In::Memory, answer, NewPlan::default());
    may(&free.stage, &free.user).unwrap();
}

/// An answer that says as much as it may, when the test lets it.
fn greedy(gate: &Gate) -> impl Fn(&ScriptedCall) -> ScriptedAnswer + Send + Sync + 'static {
    let gate = gate.clone();
    move |call| {
        let completion = call.options.params.max_tokens.unwrap_or(0).into();
        let usage = TokenUsage { prompt: 5, completion, total: 5 + completion };
        ScriptedAnswer::new().wait_for(&gate).text("x").say(Delta::Usage(usage)).finish()
    }
}

/// Many ask at once through two processes for more than is there: as many are answered as fit, to the
/// token.
#[test]
fn answers_at_the_same_time_cannot_overdraw() {
    let gate = Gate::new();
    // Each may cost 15: 6 fit, and 7 tokens stay.
    let office = office(In::File, greedy(&gate), tokens(97));
    let beside = office.stage.reopened(|config| config.quotas = true);
    let id = office.user.user_id().unwrap();
    let login = NewUser { username: Some("k".into()), ..NewUser::default() };
    let name = login.username.unwrap();
    let token = beside.login(&name, Secret::new(PASSWORD.into())).unwrap().token;
    let there = beside.authenticate(&token).unwrap();
    let chats: Vec<Chat> = (0..24).map(|_| office.chat()).collect();
    let (accepted, refused) = (AtomicU64::new(0), AtomicU64::new(0));
    let (accepted, refused) = (&accepted, &refused);
    thread::scope(|scope| {
        for (number, chat) in chats.iter().enumerate() {
            let (kafka, me) = match number % 2 {
                0 => (&office.stage.kafka, &office.user),
                _ => (&beside, &there),
            };
            scope.spawn(move || match kafka.completions(me).start(chat.id, at_most(10)) {
                Ok(_) => accepted.fetch_add(1, Ordering::SeqCst),
                Err(error) => {
                    assert_eq!(error.code(), "quota_exceeded");
                    refused.fetch_add(1, Ordering::SeqCst)
                }
            });
        }
    });
    assert_eq!((accepted.load(Ordering::SeqCst), refused.load(Ordering::SeqCst)), (6, 18));
    let error = office.refusal(at_most(10));
    assert!(error.message().contains("7 are left (90 more are kept for answers that run)"), "{error}");
    gate.open();
    for kafka in [&office.stage.kafka, &beside] {
        assert!(kafka.wait_until_idle(Duration::from_secs(20)));
    }
    assert_eq!(office.usage().daily_token_count, 90);
    assert_eq!(office.stage.kafka.users(&office.stage.operator).get(id).unwrap().total_tokens_used, 90);
    let error = office.refusal(at_most(3));
    assert!(error.message().contains("7 are left, and"), "nothing is kept any more: {error}");
    office.ask(at_most(2));
}

/// In one chat answers wait for each other: those behind will be sent what is being written now.
#[test]
fn what_is_still_being_written_is_part_of_the_next_question() {
    let gate = Gate::new();
    let office = office(In::Memory, greedy(&gate), tokens(100));
    let chat = office.chat();
    let completions = office.stage.kafka.completions(&office.user);
    completions.start(chat.id, at_most(20)).unwrap();
    // 25 are kept; the next prompt is the two questions and at most those.
    let error = completions.start(chat.id, at_most(50)).unwrap_err();
    assert!(error.message().contains("75 are left") && error.message().contains("cost 85"), "{error}");
    completions.start(chat.id, at_most(40)).unwrap();
    gate.open();
}

/// A question may be edited while it waits: what is sent in the end is what must be affordable.
#[test]
fn a_question_that_grows_while_it_waits_is_paid_or_not_asked() {
    let gate = Gate::new();
    let office = office(In::Memory, greedy(&gate), tokens(200));
    let chat = office.chat();
    let completions = office.stage.kafka.completions(&office.user);
    let messages = office.stage.kafka.messages(&office.user);
    let first = completions.start(chat.id, at_most(10)).unwrap();
    office.stage.provider.wait_for_calls(1);
    let waiting: Vec<_> = (0..2).map(|_| completions.start(chat.id, at_most(10)).unwrap()).collect();
    let edit = |turn: &kafka_core::Turn, bytes: usize| {
        let patch = kafka_core::MessagePatch { content: Some("x".repeat(bytes)), role: None };
        messages.update(turn.user_message_id(), patch).unwrap();
    };
    // The second may then cost some 60 more than was kept free, and the third more than a day has.
    edit(&waiting[0], 240);
    edit(&waiting[1], 4000);
    gate.open();
    first.wait().unwrap();
    let [second, third] = waiting.try_into().unwrap();
    assert_eq!(second.wait().unwrap().response.status, ResponseStatus::Completed);
    let third = third.wait().unwrap().response;
    assert_eq!((third.status, third.tokens_total), (ResponseStatus::Failed, None));
    let error = third.error.unwrap();
    assert_eq!((&*error.code, error.kind()), ("quota_exceeded", ErrorKind::QuotaExceeded));
    assert!(error.detail.contains("The plan small allows 200 tokens a day"), "{}", error.detail);
    assert_eq!(office.stage.provider.calls().len(), 2, "the endpoint was not asked");
    assert!(office.usage().daily_token_count <= 200);
    office.ask(at_most(10));
}

/// What a longer prompt costs is kept free while its answer runs, so that others cannot take it.
#[test]
fn what_a_question_has_grown_by_is_kept_free() {
    let (first_gate, gate) = (Gate::new(), Gate::new());
    let (hold_first, hold) = (first_gate.clone(), gate.clone());
    let script = move |call: &ScriptedCall| {
        let hold = if call.number == 0 { &hold_first } else { &hold };
        ScriptedAnswer::new().wait_for(hold).text("x").usage(5, 1).finish()
    };
    let office = office(In::Memory, script, tokens(200));
    let chat = office.chat();
    let completions = office.stage.kafka.completions(&office.user);
    let first = completions.start(chat.id, at_most(10)).unwrap();
    office.stage.provider.wait_for_calls(1);
    let second = completions.start(chat.id, at_most(10)).unwrap();
    let patch = kafka_core::MessagePatch { content: Some("x".repeat(400)), role: None };
    office.stage.kafka.messages(&office.user).update(second.user_message_id(), patch).unwrap();
    first_gate.open();
    first.wait().unwrap();
    office.stage.provider.wait_for_calls(2);
    // "Hi", "x" and 400 bytes are 5, 5 and 104 tokens.
    let error = office.refusal(at_most(100));
    assert!(error.message().contains("70 are left (124 more are kept for answers that run)"), "{error}");
    gate.open();
    second.wait().unwrap();
}

/// What a process had kept free when it was killed is free again once its answers are ended, and what
/// they cost until then is counted.
#[test]
#[cfg_attr(feature = "postgres", ignore = "a copy of SQLite's files")]
fn a_process_that_dies_keeps_nothing() {
    let gate = Gate::new();
    let hold = gate.clone();
    let script = move |_: &_| ScriptedAnswer::new().text("Half").wait_for(&hold).finish();
    let office = office(In::File, script, tokens(100));
    let chat = office.chat();
    let completions = office.stage.kafka.completions(&office.user);
    let mut turn = completions.start(chat.id, at_most(80)).unwrap();
    while !matches!(turn.next(), Some(Ok(kafka_core::TurnEvent::Delta(_)))) {}
    let error = office.refusal(at_most(20));
    assert!(error.message().contains("15 are left"), "{error}");

    let (kafka, me) = office.after_a_crash(|_| {});
    let usage = kafka.usage(&me).summary(Period::default()).unwrap();
    assert_eq!((usage.daily_token_count, usage.total_tokens_used), (10, 10), "\"Hi\" and \"Half\"");
    let response = kafka.responses(&me).get(turn.id()).unwrap();
    assert_eq!((response.status, response.tokens_prompt), (ResponseStatus::Interrupted, Some(5)));
    let chat = kafka.chats(&me).create(NewChat::default()).unwrap();
    let error = kafka.completions(&me).start(chat.id, at_most(86)).unwrap_err();
    assert!(error.message().contains("90 are left, and"), "{error}");
    let again = AnswerRequest { model: Some("echo".into()), ..at_most(85) };
    kafka.completions(&me).start(chat.id, again).unwrap().wait().unwrap();
    gate.open();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is asked, and in whatever order it ends, no day costs more than the plan allows.
    #[test]
    fn no_day_costs_more_than_its_plan(
        limit in 0u64..120,
        questions in proptest::collection::vec((0usize..3, proptest::option::of(1u32..40), 0u8..3), 1..20),
    ) {
        let script = |_: &_| ScriptedAnswer::of(&["as much as may be said, and then some more of it"]);
        let office = office(In::Memory, script, tokens(limit));
        let chats = [office.chat(), office.chat(), office.chat()];
        let echo = || Some("echo".to_owned());
        for (chat, max_tokens, way) in questions {
            let params = max_tokens.map(|max| Params { max_tokens: Some(max), ..Params::default() });
            let request = AnswerRequest { params, model: (way > 0).then(echo).flatten(), ..AnswerRequest::text("Hi") };
            match office.stage.kafka.completions(&office.user).start(chats[chat].id, request) {
                Ok(turn) if way == 2 => drop(office.stage.kafka.responses(&office.user).cancel(turn.id())),
                Ok(turn) if way == 1 => drop(turn.wait()),
                Ok(_) => {}
                Err(error) => prop_assert!(["quota_exceeded", "chat_busy"].contains(&error.code())),
            }
        }
        prop_assert!(office.stage.kafka.wait_until_idle(Duration::from_secs(20)));
        prop_assert!(office.usage().daily_token_count <= limit);
    }
}

/// The triage is paid for, and each step after it only if there is room.
#[test]
fn composing_keeps_free_what_each_step_may_cost_and_ends_where_nothing_is_left() {
    use crate::composer::obedient;
    for (limit, code) in [(850, None), (740, Some("quota_exceeded"))] {
        let office = office(In::Memory, obedient, tokens(limit));
        let chat = office.chat();
        let mut request = kafka_core::ComposeRequest::text("please write");
        request.answer.params = Some(Params { max_tokens: Some(500), ..Params::default() });
        let answer = office
            .stage
            .kafka
            .composer(&office.user)
            .start(chat.id, request.clone())
            .unwrap()
            .wait()
            .unwrap();
        assert_eq!(answer.response.error.map(|error| error.code).as_deref(), code, "{limit}");
        let calls = office.stage.provider.calls().len();
        // The triage and the file, 3 + 2 tokens each.
        assert_eq!(calls, if code.is_none() { 2 } else { 1 });
        assert_eq!(office.usage().daily_token_count, 5 * calls as u64);
        // What was kept free is free again.
        assert!(office.stage.kafka.composer(&office.user).start(chat.id, request).is_ok());
    }
}

/// What a step is called is nothing that the model said.
#[test]
fn a_composed_answer_is_not_cut_by_the_names_of_its_steps() {
    use crate::composer::{says, step_of};
    let words = "x".repeat(100);
    let said = words.clone();
    let script = move |call: &kafka_core::testing::ScriptedCall| match step_of(call) {
        kafka_core::Step::Triage if call.number < 4 => says(&json!({})),
        kafka_core::Step::Triage => says(&json!({"genNewFile": false, "plain_response": true})),
        _ => says(&json!({"text": said})),
    };
    let office = office(In::Memory, script, tokens(100_000));
    let chat = office.chat();
    let mut request = kafka_core::ComposeRequest::text("hello");
    request.answer.params = Some(Params { max_tokens: Some(16), ..Params::default() });
    let answer = office.stage.kafka.composer(&office.user).start(chat.id, request).unwrap().wait().unwrap();
    assert_eq!((answer.response.status, answer.message.content), (ResponseStatus::Completed, words));
}

/// A document whose passages cost more than any plan here allows a day.
fn with_document(office: &Office, chat: &Chat) {
    let text: String =
        (0..400).map(|number| format!("Line {number} of the castle is about the castle.\n\n")).collect();
    let documents = office.stage.kafka.documents(&office.user);
    let place = DocumentPlace::Chat(chat.id);
    let document = documents.upload(place, NewFile::named("castle.txt"), &mut text.as_bytes()).unwrap();
    documents.wait(document.id, Duration::from_secs(60), |_| ()).unwrap();
}

/// Passages of documents come on top of what a question was thought to cost: they and an answer of no stated
/// length share what a day has left.
#[test]
fn questions_about_documents_are_answered_as_long_as_a_day_has_room() {
    for (limit, at_least) in [(3_000, 2), (10_000, 4)] {
        let script = |_: &_| ScriptedAnswer::new().text(&"x".repeat(800)).finish();
        let office = office(In::File, script, tokens(limit));
        let chat = office.chat();
        with_document(&office, &chat);
        let completions = office.stage.kafka.completions(&office.user);
        let mut asked = 0;
        let refused = loop {
            let before = office.usage().daily_token_count;
            let turn = match completions.start(chat.id, AnswerRequest::text("What is the castle?")) {
                Ok(turn) => turn,
                Err(refused) => break refused,
            };
            let answer = turn.wait().unwrap();
            let (response, left) = (&answer.response, limit - before);
            assert_ne!(response.status, ResponseStatus::Failed, "{left} were left: {response:?}");
            let told = office.stage.provider.calls().pop().unwrap().options.params.max_tokens.unwrap();
            let prompt = response.tokens_prompt.unwrap();
            assert!(prompt + u64::from(told) <= left, "{prompt} and {told} of {left}");
            assert!(response.tokens_completion.unwrap() <= u64::from(told));
            if left > 1_500 {
                let share = u64::from(told) * 5 > left;
                assert!(!answer.sources.is_empty() && share, "{told} of {left}, {:?}", answer.sources);
            }
            asked += 1;
        };
        assert!(asked >= at_least, "{asked} with {limit}");
        assert_eq!((refused.kind(), refused.code()), (ErrorKind::QuotaExceeded, "quota_exceeded"));
        assert!(office.usage().daily_token_count <= limit);
    }
}

/// Whoever states a length gets it, and the passages what is left.
#[test]
fn an_answer_of_a_stated_length_about_documents_keeps_it() {
    let office = office(In::File, |_| ScriptedAnswer::of(&["Well."]), tokens(1_000));
    let chat = office.chat();
    with_document(&office, &chat);
    let asked = AnswerRequest { content: Some("What is the castle?".into()), ..at_most(400) };
    let turn = office.stage.kafka.completions(&office.user).start(chat.id, asked).unwrap();
    let answer = turn.wait().unwrap();
    assert_eq!(answer.response.status, ResponseStatus::Completed, "{:?}", answer.response);
    let call = office.stage.provider.calls().pop().unwrap();
    let prompt = call.prompt.messages.iter().map(|message| message.content.len() / 4).sum::<usize>();
    assert_eq!((call.options.params.max_tokens, answer.sources.is_empty()), (Some(400), false));
    assert!((250..=600).contains(&prompt), "{prompt}");
}

/// Where more is sent than was thought, an answer of no stated length becomes shorter before it is refused.
#[test]
fn a_length_that_nobody_asked_for_shrinks_when_the_question_has_grown() {
    let gate = Gate::new();
    let hold = gate.clone();
    let script = move |call: &ScriptedCall| match call.number {
        0 => ScriptedAnswer::new().wait_for(&hold).text("x").usage(5, 1).finish(),
        _ => ScriptedAnswer::new().text(&"y".repeat(2_000)).finish(),
    };
    let office = office(In::Memory, script, tokens(400));
    let chat = office.chat();
    let completions = office.stage.kafka.completions(&office.user);
    let first = completions.start(chat.id, at_most(10)).unwrap();
    office.stage.provider.wait_for_calls(1);
    let second = completions.start(chat.id, AnswerRequest::text("Hi")).unwrap();
    let patch = kafka_core::MessagePatch { content: Some("x".repeat(1_200)), role: None };
    office.stage.kafka.messages(&office.user).update(second.user_message_id(), patch).unwrap();
    gate.open();
    first.wait().unwrap();
    let response = second.wait().unwrap().response;
    // "Hi", "x" and 1,200 bytes are 5, 5 and 304 tokens, and the first answer took 6 of the day.
    assert_eq!((response.status, response.tokens_prompt), (ResponseStatus::Interrupted, Some(314)));
    let told = office.stage.provider.calls().pop().unwrap().options.params.max_tokens;
    assert_eq!((told, response.tokens_completion), (Some(80), Some(80)));
    assert_eq!(office.usage().daily_token_count, 400);
}
