//! Every command of the README is run, in the order in which it stands there, in a copy of the tree that
//! holds nothing else.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use crate::support::process::{Binary, RunningServer};

/// Commands of a shell, as the README's fences give them.
fn fences() -> Vec<String> {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let mut fences = Vec::new();
    let mut rest = readme.as_str();
    while let Some((_, begun)) = rest.split_once("```sh\n") {
        let (commands, after) = begun.split_once("```").expect("every fence is closed");
        fences.push(commands.to_owned());
        rest = after;
    }
    fences
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A copy of what is in the repository. Only `target` is shared, so that the dependencies are not built
/// again for it.
fn copy_of_the_tree() -> TempDir {
    let copy = TempDir::new().unwrap();
    let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(root()).output().unwrap();
    assert!(listed.status.success(), "the tree is a git checkout");
    for name in String::from_utf8(listed.stdout).unwrap().split_terminator('\0') {
        let to = copy.path().join(name);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(root().join(name), to).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    fs::create_dir_all(&target).unwrap();
    std::os::unix::fs::symlink(target, copy.path().join("target")).unwrap();
    copy
}

/// What a person's shell has, and nothing of what the tests were started with.
fn shell(directory: &Path, script: &str) -> Command {
    let mut command = Command::new("bash");
    command.args(["-euo", "pipefail", "-c", script]).current_dir(directory).env_clear();
    let kept = ["PATH", "HOME", "CARGO_HOME", "RUSTUP_HOME", "TMPDIR"];
    command.envs(env::vars_os().filter(|(name, _)| kept.iter().any(|kept| name == kept)));
    command
}

/// The commands of this program between backticks, in the order in which they stand there.
fn commands_in_prose(program: &str) -> Vec<String> {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let code = readme.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
    code.filter(|code| code.split_once(' ').is_some_and(|(first, _)| first == program))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_command_in_the_prose_works() {
    let binary = Binary::kafka();
    let directory = TempDir::new().unwrap();
    let run = |script: &str| {
        let mut shell = shell(directory.path(), script);
        shell.env("PATH", format!("{}:{}", directory.path().display(), env::var("PATH").unwrap()));
        shell.env("KAFKA_LISTEN", "127.0.0.1:0");
        // Whoever edits changes something.
        shell.env("EDITOR", "sed -i s/loop/pool/");
        shell
    };
    let flow = "loop:\n    talk(\"Hello\")\nuntil \"done\":\n    pass\n";
    fs::write(directory.path().join("flow.based"), flow).unwrap();
    // What each word stands for is looked up where it is met.
    let first = |list: &str| {
        let listed = run(&format!("{list} -q | head -1")).output().unwrap();
        String::from_utf8(listed.stdout).unwrap().trim().to_owned()
    };
    let filled = |command: &str| {
        let mut filled = command.replace("PATH", "flow.based");
        if filled.contains("WORKSPACE") {
            filled = filled.replace("WORKSPACE", &first("kafka workspace list"));
        }
        if filled.contains("CHAT") || filled.contains("ID") {
            let chat = first("kafka chats list");
            filled = filled.replace("CHAT", &chat);
            if filled.contains("chat-file") {
                filled = filled.replace("ID", &first(&format!("kafka chat-file list {chat}")));
            }
            if filled.starts_with("kafka document replace") {
                filled = filled.replace("ID", &first(&format!("kafka document list --chat {chat}")));
            }
            let message = first(&format!("kafka message list {chat}"));
            filled = filled.replace("MESSAGE", &message);
            let noun = if filled.starts_with("kafka message") { &message } else { &chat };
            filled = filled.replace("ID", noun);
        }
        filled
    };
    std::os::unix::fs::symlink(binary.path(), directory.path().join("kafka")).unwrap();
    let commands = commands_in_prose("kafka");
    for wanted in
        ["kafka chat ", "kafka chats show", "kafka model add", "kafka migrate", "kafka serve --listen"]
    {
        assert!(commands.iter().any(|command| command.starts_with(wanted)), "{wanted}");
    }
    for command in commands {
        if command.starts_with("kafka serve") {
            // Port 8000 may be taken on the machine that tests.
            let server = RunningServer::spawn(run(&format!("exec {}", command.replace(":8000", ":0"))));
            assert_eq!(server.terminate().status.code(), Some(0), "{command}");
            continue;
        }
        // What is tried on a server needs one.
        let server = command.contains(":8000").then(|| RunningServer::spawn(run("exec kafka serve")));
        let script = filled(&command);
        let script = match &server {
            Some(server) => script.replace("http://127.0.0.1:8000", server.url()),
            None => script,
        };
        // A key or a password is given as one would give it from a file.
        let done = run(&format!("echo sk-long-enough | {script}")).output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        assert!(done.status.success(), "{command}\n{out}\n{err}");
    }
}

#[test]
fn the_commands_that_start_and_test_everything_stand_first() {
    let fences = fences();
    assert_eq!(fences[0], "cargo run --release -- serve\n");
    // Running it here would run this test again; that it runs is what this test's own run shows.
    assert!(fences.iter().any(|commands| commands == "tests/run\n"));
    let help = shell(root(), "tests/run --help").output().unwrap();
    assert!(help.status.success());
    for mode in ["--quick", "--long", "--real-model"] {
        assert!(String::from_utf8_lossy(&help.stdout).contains(mode), "{mode}");
    }
}

mod slow {
    use super::*;

    #[test]
    fn every_command_of_the_readme_works_in_an_empty_copy_of_the_tree() {
        let copy = copy_of_the_tree();
        let fences = fences();
        let (serve, others) = fences.split_first().unwrap();

        // Building is not starting: it may take minutes, starting may not.
        let built =
            shell(copy.path(), "cargo build --release --locked --quiet -p kafka-cli").status().unwrap();
        assert!(built.success(), "the copy builds");
        // Port 8000 may be taken on the machine that tests; everything else is as it stands there.
        let mut start = shell(copy.path(), &format!("exec {serve}"));
        start.env("KAFKA_LISTEN", "127.0.0.1:0");
        let server = RunningServer::spawn(start);
        let address = server.address().to_string();

        let script: String = others
            .iter()
            .filter(|commands| *commands != "tests/run\n")
            .map(|commands| commands.replace("127.0.0.1:8000", &address))
            .collect();
        assert!(script.contains(&address), "the README talks to the server that it starts");
        let run = shell(copy.path(), &script).output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
        assert!(run.status.success(), "{script}\n{out}\n{err}\n{}", server.stderr());
        for expected in
            ["event: message.delta", "event: response.completed", "Echo: What is SQLite?", "First"]
        {
            assert!(out.contains(expected), "{expected}: {out}\n{err}");
        }
        assert_eq!(server.terminate().status.code(), Some(0));
        assert!(copy.path().join("kafka-data/kafka.db").exists());

        // Last, as they make another release in the same place.
        let builds = commands_in_prose("cargo");
        assert!(builds.iter().any(|command| command.ends_with("--features postgres")), "{builds:?}");
        let script = format!("{}\ntarget/release/kafka --version", builds.join("\n"));
        let run = shell(copy.path(), &script).output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
        assert!(run.status.success() && out.contains("PostgreSQL"), "{script}\n{out}\n{err}");
    }
}
