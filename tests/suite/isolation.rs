//! Nobody gets in where they do not belong: every route × every sort of caller × whose thing it is.

mod slow {
    use std::thread;

    use serde_json::Value;
    use tempfile::TempDir;

    use crate::support::process::{Binary, RunningServer};

    /// The matrix itself is that of `kafka selfcheck`, so that operators can walk it on their own servers.
    #[test]
    fn each_route_lets_in_whom_it_must_and_nobody_else() {
        let modes: [(&[&str], Binary); 4] = [
            (&["--auth", "password"], Binary::kafka()),
            (&["--auth", "password"], Binary::kafka_http()),
            (&["--auth", "password", "--anonymous", "on"], Binary::kafka()),
            (&["--auth", "open"], Binary::kafka()),
        ];
        thread::scope(|scope| {
            let walks: Vec<_> =
                modes.iter().map(|(mode, binary)| scope.spawn(|| walk(binary, mode))).collect();
            for (walk, (mode, _)) in walks.into_iter().zip(&modes) {
                let report = walk.join().unwrap();
                eprintln!("{}: {} calls, {} routes", mode.join(" "), report["calls"], count(&report));
                assert_eq!(report["holes"], Value::Array(Vec::new()));
                assert!(report["calls"].as_u64().unwrap() > 1000, "{}", report["calls"]);
                for route in report["routes"].as_array().unwrap() {
                    let (name, number) = (&route["route"], |member: &str| route[member].as_u64().unwrap());
                    let name = name.as_str().unwrap();
                    let has_thing = name.contains('{');
                    assert!(number("calls") > 0, "{name}");
                    let is_hidden = has_thing && !name.contains('?') && !name.contains("/users/");
                    assert!(!is_hidden || number("hidden") > 0, "{route}");
                    assert!(!has_thing || (number("allowed") > 0 && number("refused") > 0), "{route}");
                }
            }
        });
    }

    fn count(report: &Value) -> usize {
        report["routes"].as_array().map_or(0, Vec::len)
    }

    fn walk(binary: &Binary, mode: &[&str]) -> Value {
        let data = TempDir::new().unwrap();
        let server = RunningServer::start(binary, data.path(), mode);
        let mut command = Binary::kafka().command(data.path());
        command.args(["selfcheck", "--isolation", "--json", "--url", server.url()]);
        let output = command.args(["--data-dir", data.path().to_str().unwrap()]).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{error}\n{}", server.terminate().stderr);
        let left = Binary::kafka().command(data.path()).args(["user", "list", "-q"]).output().unwrap();
        assert!(left.stdout.is_empty(), "the accounts that it made are gone");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}
