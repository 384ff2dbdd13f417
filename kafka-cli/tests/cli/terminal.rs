//! What a person at a terminal sees: `script` gives the command a terminal of its own.

use std::{
    fs,
    io::{Read, Write as _},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use kafka_core::testing::{Script, ScriptedEndpoint};
use serde_json::json;
use tempfile::TempDir;

use crate::{
    home,
    run::{ids, json, printed, run},
};

/// A command that takes longer than this to show something has failed the test.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Terminal {
    child: Child,
    keyboard: ChildStdin,
    screen: Receiver<Vec<u8>>,
    /// What was shown and not yet expected.
    shown: String,
}

impl Terminal {
    pub(crate) fn start(directory: &TempDir, arguments: &str) -> Terminal {
        Terminal::start_line(directory, &format!("{} {arguments}", env!("CARGO_BIN_EXE_kafka")))
    }

    /// Starts a line of shell.
    pub(crate) fn start_line(directory: &TempDir, line: &str) -> Terminal {
        let mut child = Command::new("script")
            .args(["--quiet", "--flush", "--return", "--command", line, "/dev/null"])
            .current_dir(directory.path())
            .env_clear()
            .envs(home::variables(directory))
            .env("TERM", "xterm")
            .env("SHELL", "/bin/sh")
            .env("PATH", "/usr/bin:/bin")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let keyboard = child.stdin.take().unwrap();
        let mut output = child.stdout.take().unwrap();
        let (sender, screen) = mpsc::channel();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut bytes) {
                if sender.send(bytes[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Terminal { child, keyboard, screen, shown: String::new() }
    }

    /// Waits until this is shown, and returns what was shown before it.
    pub(crate) fn expect(&mut self, text: &str) -> String {
        loop {
            if let Some(at) = self.shown.find(text) {
                let before = self.shown[..at].to_owned();
                self.shown.drain(..at + text.len());
                return before;
            }
            match self.screen.recv_timeout(PATIENCE) {
                Ok(bytes) => self.shown += &String::from_utf8_lossy(&bytes),
                Err(_) => panic!("{text:?} is not shown, but {:?}", self.shown),
            }
        }
    }

    /// Waits until the terminal does not show what is typed.
    fn expect_no_echo(&self) {
        let script = self.child.id();
        let children = fs::read_to_string(format!("/proc/{script}/task/{script}/children")).unwrap();
        let command = children.split_whitespace().next().unwrap();
        let terminal = fs::read_link(format!("/proc/{command}/fd/0")).unwrap();
        let begun = Instant::now();
        loop {
            let output = Command::new("stty").arg("-a").arg("-F").arg(&terminal).output().unwrap();
            if String::from_utf8_lossy(&output.stdout).contains(" -echo ") {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{} still echoes", terminal.display());
        }
    }

    pub(crate) fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
        self.keyboard.flush().unwrap();
    }

    /// Waits for the end; returns the exit code and the rest of the screen.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        while let Ok(bytes) = self.screen.recv_timeout(PATIENCE) {
            self.shown += &String::from_utf8_lossy(&bytes);
        }
        (self.child.wait().unwrap().code(), self.shown)
    }
}

#[test]
fn a_conversation_is_typed_line_by_line() {
    let directory = TempDir::new().unwrap();
    let mut terminal = Terminal::start(&directory, "chat");
    terminal.expect("kafka model add");
    terminal.expect("> ");
    terminal.press("Hello\n");
    terminal.expect("Echo: Hello\r\n");
    terminal.expect("echo · ");
    terminal.expect("> ");
    terminal.press("/help\n");
    terminal.expect("/model NAME");
    terminal.expect("> ");
    terminal.press("/nonsense\n");
    terminal.expect("/nonsense is no command");
    terminal.expect("> ");
    terminal.press("/model nix\n");
    terminal.expect("nix answers from now on");
    terminal.expect("> ");
    // A mistake does not end the conversation.
    terminal.press("Who?\n");
    terminal.expect("There is no model called nix");
    terminal.expect("> ");
    terminal.press("/model echo\n");
    terminal.expect("> ");
    terminal.press("Again\n");
    terminal.expect("Echo: Again");
    terminal.expect("> ");
    terminal.press("\u{4}");
    terminal.expect("kafka chat --chat ");
    assert_eq!(terminal.end().0, Some(0));
    let chat = ids(&directory, &["chats", "list"]).remove(0);
    assert_eq!(json(&directory, &["chats", "show", &chat])["message_count"], 4);
}

#[test]
fn ctrl_c_stops_an_answer_and_at_the_prompt_the_conversation() {
    let directory = TempDir::new().unwrap();
    let endpoint = ScriptedEndpoint::start(|request| match request.path.ends_with("/models") {
        true => Script::json(200, &json!({"data": []})),
        false => Script::events().token("Well").until_hung_up(),
    });
    printed(&directory, &["model", "add", "slow", "--url", &endpoint.base_url()]);
    let mut terminal = Terminal::start(&directory, "chat --model slow");
    terminal.expect("> ");
    terminal.press("Quick!\n");
    terminal.expect("Well");
    terminal.press("\u{3}");
    terminal.expect("stopped");
    terminal.expect("> ");
    terminal.press("\u{3}");
    assert_eq!(terminal.end().0, Some(130));
    let chat = ids(&directory, &["chats", "list"]).remove(0);
    assert_eq!(json(&directory, &["chats", "show", &chat])["messages"][1]["status"], "cancelled");
    // It left in order: no process is missed.
    let doctor = printed(&directory, &["doctor"]);
    assert!(!doctor.contains("ended without a word"), "{doctor}");
}

#[test]
fn one_answer_is_followed_by_how_to_go_on() {
    let directory = TempDir::new().unwrap();
    let mut terminal = Terminal::start(&directory, "chat Hello");
    terminal.expect("Echo: Hello\r\n");
    terminal.expect("Go on: kafka chat --chat ");
    assert_eq!(terminal.end().0, Some(0));
}

#[test]
fn a_model_cannot_steer_the_terminal() {
    let directory = TempDir::new().unwrap();
    let endpoint = ScriptedEndpoint::start(|_| Script::stream(&["\u{1b}[2Jgone", "\u{9b}31m"]));
    printed(&directory, &["model", "add", "evil", "--url", &endpoint.base_url(), "--default"]);
    let mut terminal = Terminal::start(&directory, "chat Hi");
    terminal.expect("\u{FFFD}[2Jgone\u{FFFD}31m");
    assert_eq!(terminal.end().0, Some(0));
}

#[test]
fn a_key_is_asked_for_and_not_shown() {
    let directory = TempDir::new().unwrap();
    let endpoint = ScriptedEndpoint::start(|_| Script::json(200, &json!({"data": []})));
    let arguments = format!("model add mine --url {}", endpoint.base_url());
    let mut terminal = Terminal::start(&directory, &arguments);
    terminal.expect("Key for mine");
    terminal.expect_no_echo();
    terminal.press("sk-unseen\n");
    let before = terminal.expect("with the key from the terminal");
    assert!(!before.contains("sk-unseen"), "{before}");
    assert_eq!(terminal.end().0, Some(0));
    assert_eq!(endpoint.requests()[0].header("authorization"), Some("Bearer sk-unseen"));
}

#[test]
fn a_key_that_is_not_given_leaves_the_terminal_as_it_was() {
    let directory = TempDir::new().unwrap();
    let mut terminal = Terminal::start_line(
        &directory,
        &format!("{} model add openai; echo ended with $?; stty -a", env!("CARGO_BIN_EXE_kafka")),
    );
    terminal.expect("Key for openai");
    terminal.expect_no_echo();
    terminal.press("half\u{3}");
    terminal.expect("ended with 130");
    terminal.expect(" echo ");
    terminal.end();
}

#[test]
fn a_password_is_asked_for_twice_and_not_shown() {
    for (again, code) in [("the castle", 0), ("the trial", 2)] {
        let directory = TempDir::new().unwrap();
        let mut terminal = Terminal::start(&directory, "user add k@example.org");
        let mut shown = String::new();
        for (prompt, answer) in [("Password for k@example.org", "the castle"), ("The same again", again)] {
            shown += &terminal.expect(prompt);
            terminal.expect_no_echo();
            terminal.press(&format!("{answer}\n"));
        }
        let (ended, rest) = terminal.end();
        assert_eq!(ended, Some(code), "{rest}");
        shown += &rest;
        assert!(!shown.contains("the castle") && !shown.contains("the trial"), "{shown}");
        assert_eq!(ids(&directory, &["user", "list"]).len(), usize::from(code == 0));
    }
}

#[test]
fn going_back_is_asked_about() {
    let directory = TempDir::new().unwrap();
    printed(&directory, &["migrate", "up"]);
    let current = |directory: &TempDir| json(directory, &["migrate", "status"])["current"].as_u64().unwrap();
    let newest = current(&directory);
    for (answer, code, version) in [("\n", 130, newest), ("n\n", 130, newest), ("y\n", 0, newest - 1)] {
        let mut terminal = Terminal::start(&directory, "migrate down");
        terminal.expect("[y/N] ");
        terminal.press(answer);
        assert_eq!(terminal.end().0, Some(code), "{answer:?}");
        assert_eq!(current(&directory), version, "{answer:?}");
    }
}

#[test]
fn colour_is_for_terminals() {
    let directory = TempDir::new().unwrap();
    let chat = ids(&directory, &["chat", "Hello"]).remove(0);
    let mut terminal = Terminal::start(&directory, &format!("chats show {chat}"));
    terminal.expect("\u{1b}[1;34muser\u{1b}[0m");
    terminal.expect("\u{1b}[1;32massistant\u{1b}[0m");
    terminal.end();
    assert!(
        !String::from_utf8(run(&directory, &["chats", "show", &chat]).stdout).unwrap().contains('\u{1b}')
    );
}
