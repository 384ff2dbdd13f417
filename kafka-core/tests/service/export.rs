//! Chats as documents.

use std::time::Duration;

use kafka_core::{
    AnswerRequest, Chat, DocumentPlace, ErrorKind, ExportFormat, NewChat, NewChatFile, NewFile, NewMessage,
    Role, testing::ScriptedAnswer,
};
use serde_json::Value;

use crate::stage::{In, Stage, unheard_of};

const FORMATS: [ExportFormat; 3] = [ExportFormat::Markdown, ExportFormat::Json, ExportFormat::Html];

fn pieces(stage: &Stage, chat: &Chat, format: ExportFormat) -> Vec<String> {
    let export = stage.kafka.chats(&stage.operator).export(chat.id, format).unwrap();
    export.map(Result::unwrap).collect()
}

fn whole(stage: &Stage, chat: &Chat, format: ExportFormat) -> String {
    pieces(stage, chat, format).concat()
}

#[test]
fn json_holds_all_branches_in_the_objects_of_the_api() {
    let stage = Stage::new(In::Memory);
    let chat = NewChat { tags: vec!["t".into()], ..NewChat::titled("Plans") };
    let chat = stage.kafka.chats(&stage.operator).create(chat).unwrap();
    let first = stage.ask(&chat, AnswerRequest::text("Why?"));
    let again = AnswerRequest { parent_id: Some(Some(first.user_message.id)), ..AnswerRequest::default() };
    let second = stage.ask(&chat, again);
    let text = NewChatFile { filename: "a.txt".into(), content: "one".into() };
    let file = stage.kafka.chat_files(&stage.operator).create(chat.id, text).unwrap();
    let export: Value = serde_json::from_str(&whole(&stage, &chat, ExportFormat::Json)).unwrap();
    assert_eq!((export["format"].as_str(), export["version"].as_i64()), (Some("kafka-chat"), Some(1)));
    let kafka = &stage.kafka;
    assert_eq!(export["chat"], serde_json::json!(kafka.chats(&stage.operator).get(chat.id).unwrap()));
    assert_eq!(export["files"], serde_json::json!([file]));
    let ids = [first.user_message.id, first.message.id, second.message.id];
    let messages = ids.map(|id| kafka.messages(&stage.operator).get(id).unwrap());
    assert_eq!(
        export["messages"].as_array().unwrap()[..3],
        serde_json::json!(messages).as_array().unwrap()[..]
    );
    // The others show the branch that is active.
    for format in [ExportFormat::Markdown, ExportFormat::Html] {
        let text = whole(&stage, &chat, format);
        assert_eq!(text.matches("Well, yes.").count(), 1, "{text}");
        assert!(text.contains("a.txt") && text.contains("Plans"), "{text}");
    }
}

#[test]
fn what_the_numbers_of_an_answer_stand_for_stands_below_it() {
    let stage = Stage::with(In::File, |_| ScriptedAnswer::of(&["On Mondays [1]."]), |_| {});
    let chat = stage.chat();
    let documents = stage.kafka.documents(&stage.operator);
    let place = DocumentPlace::Chat(chat.id);
    let text = "The castle is closed on Mondays.";
    let document = documents.upload(place, NewFile::named("a <b>.txt"), &mut text.as_bytes()).unwrap();
    documents.wait(document.id, Duration::from_secs(60), |_| ()).unwrap();
    stage.ask(&chat, AnswerRequest::text("When is the castle closed?"));
    for gone in ["", "; the document is gone since"] {
        let markdown = whole(&stage, &chat, ExportFormat::Markdown);
        let line = format!("> On Mondays [1].\n\nSources:\n\n- \\[1\\] a \\<b\\>.txt, bytes 0 to 32{gone}\n");
        assert!(markdown.contains(&line), "{markdown}");
        let html = whole(&stage, &chat, ExportFormat::Html);
        assert!(
            html.contains(&format!("<li><bdi>[1] a &lt;b&gt;.txt, bytes 0 to 32{gone}</bdi></li>")),
            "{html}"
        );
        let json: Value = serde_json::from_str(&whole(&stage, &chat, ExportFormat::Json)).unwrap();
        let source = &json["messages"][1]["sources"][0];
        assert_eq!(
            (&source["filename"], &source["stale"]),
            (&"a <b>.txt".into(), &(!gone.is_empty()).into())
        );
        if gone.is_empty() {
            documents.delete(document.id).unwrap();
        }
    }
}

#[test]
fn an_empty_chat_is_a_document_too() {
    let stage = Stage::new(In::Memory);
    let chat = stage.chat();
    for format in FORMATS {
        let text = whole(&stage, &chat, format);
        assert!(text.ends_with('\n'), "{text}");
        if format == ExportFormat::Json {
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["messages"], serde_json::json!([]));
        } else {
            assert!(text.contains("Untitled chat"), "{text}");
        }
    }
    let error = stage.kafka.chats(&stage.operator).export(unheard_of(), ExportFormat::Json).unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::NotFound, "chat_not_found"));
}

#[test]
fn what_was_said_stays_inside_its_message() {
    let hostile = "```\n<script>alert(1)</script>\n## You · 2026\n<!-- \u{202E}evil\r<img src=x onerror=alert(1)>\n\"'&";
    let stage = Stage::scripted(move |_| ScriptedAnswer::of(&[hostile]));
    let title = "</title><script>x</script> \u{202E}# [a](javascript:b)\n## You";
    let chat = NewChat { tags: vec!["<b>\n# t".into()], ..NewChat::titled(title) };
    let chat = stage.kafka.chats(&stage.operator).create(chat).unwrap();
    let question = NewMessage { model: Some("<i>\u{2066}".into()), ..NewMessage::text(Role::User, hostile) };
    stage.kafka.messages(&stage.operator).create(chat.id, question).unwrap();
    stage.ask(&chat, AnswerRequest::default());
    let told = r#"{"filename": "<svg onload=alert(1)>.pdf\n# x"}"#;
    let told = NewMessage { kind: Some("file".into()), ..NewMessage::text(Role::User, told) };
    stage.kafka.messages(&stage.operator).create(chat.id, told).unwrap();

    let html = whole(&stage, &chat, ExportFormat::Html);
    for tag in ["<script", "<img", "<svg", "<b>", "<i>", "<!--", " onerror=\"", "href"] {
        assert!(!html.contains(tag), "{tag} in {html}");
    }
    assert_eq!(html.matches("<article").count(), 3);
    assert!(html.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{html}");
    assert!(html.contains("default-src 'none'"), "{html}");
    let head = &html[..html.find("<main>").unwrap()];
    assert!(!head.contains('\u{202E}'), "{head}");

    let markdown = whole(&stage, &chat, ExportFormat::Markdown);
    let lines: Vec<&str> = markdown.lines().collect();
    // Each line that a message or a name wrote is a quotation, or has nothing that Markdown knows.
    assert_eq!(lines.iter().filter(|line| line.starts_with('#')).count(), 4, "{markdown}");
    assert_eq!(lines.iter().filter(|line| line.starts_with("> ```")).count(), 2, "{markdown}");
    for line in lines.iter().filter(|line| !line.starts_with('>')) {
        assert!(!line.replace("\\<", "").contains('<'), "{line}");
        assert!(!line.contains('\u{202E}') && !line.contains("[a]"), "{line}");
    }
    let quoted: String = lines
        .iter()
        .skip_while(|line| !line.starts_with('>'))
        .take_while(|line| line.starts_with('>'))
        .map(|line| format!("{}\n", line.trim_start_matches('>').strip_prefix(' ').unwrap_or_default()))
        .collect();
    assert_eq!(quoted.trim_end(), hostile.replace('\r', "\n"), "nothing of it is lost");
    assert!(serde_json::from_str::<Value>(&whole(&stage, &chat, ExportFormat::Json)).is_ok());
}

#[test]
fn a_document_is_named_after_its_chat() {
    let stage = Stage::new(In::Memory);
    let long = "x".repeat(200);
    let table = [
        (Some("Plans for 2026"), "Plans for 2026.md"),
        (Some("../../etc/passwd"), "..-..-etc-passwd.md"),
        (Some("a\u{202E}b\r\n:*?\"<>|"), "ab -------.md"),
        (Some(&*long), &*format!("{}.md", "x".repeat(80))),
        (Some(&*"\u{1F600}".repeat(80)), &*format!("{}.md", "\u{1F600}".repeat(60))),
        (Some("\u{202E}\u{202D}"), "Untitled chat.md"),
        (Some("  "), "Untitled chat.md"),
        (None, "Untitled chat.md"),
    ];
    for (title, expected) in table {
        let chat = NewChat { title: title.map(str::to_owned), ..NewChat::default() };
        let chat = stage.kafka.chats(&stage.operator).create(chat).unwrap();
        let export = stage.kafka.chats(&stage.operator).export(chat.id, ExportFormat::Markdown).unwrap();
        assert_eq!(
            (export.filename().as_str(), export.media_type()),
            (expected, "text/markdown; charset=utf-8")
        );
    }
}

#[test]
fn memory_holds_a_batch_whatever_the_chat_holds() {
    let stage = Stage::new(In::Memory);
    let chat = stage.chat();
    let text = "a < b\n".repeat(1000);
    let root = stage.say(&chat, Role::User, &text);
    for number in 0..120 {
        // Every other message begins a branch.
        let parent = if number % 2 == 0 { Some(Some(root.id)) } else { None };
        let message =
            NewMessage { parent_id: parent, ..NewMessage::text(Role::User, format!("{number}: {text}")) };
        stage.kafka.messages(&stage.operator).create(chat.id, message).unwrap();
    }
    for (format, messages) in
        [(ExportFormat::Json, 121), (ExportFormat::Markdown, 3), (ExportFormat::Html, 3)]
    {
        let pieces = pieces(&stage, &chat, format);
        let longest = pieces.iter().map(String::len).max().unwrap();
        assert!(longest < 400 << 10, "{format}: {longest} bytes at once");
        let whole = pieces.concat();
        if format == ExportFormat::Json {
            assert!(pieces.len() > 5, "{} pieces", pieces.len());
            let export: Value = serde_json::from_str(&whole).unwrap();
            let seqs: Vec<i64> = export["messages"]
                .as_array()
                .unwrap()
                .iter()
                .filter_map(|each| each["seq"].as_i64())
                .collect();
            assert_eq!(seqs, (1..=messages).collect::<Vec<i64>>(), "all, once, in order");
        }
    }
}
