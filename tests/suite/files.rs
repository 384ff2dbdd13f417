//! Files over HTTP: up, down, and what must not stay behind.

use std::{
    collections::BTreeSet,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    thread,
};

use kafka_core::{Config, Kafka, Limits};
use kafka_http::{
    config::{Environment, Flags, resolve},
    router::Router,
    server::{Server, ServerLimits},
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    api::{Api, FORM, id},
    http::Reply,
    process::{Binary, RunningServer, blobs_of},
};

/// The SHA-256 of nothing.
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const NOTHING: &str = "01890000-0000-7000-8000-000000000000";

type Headers<'a> = &'a [(&'a str, &'a str)];

fn code(reply: &Reply) -> (u16, String) {
    (reply.status, reply.json()["code"].as_str().unwrap_or_default().to_owned())
}

fn workspace(api: &Api) -> String {
    let workspace = id(&api.post("/api/v1/workspaces", &json!({"name": "Letters"})));
    format!("/api/v1/workspaces/{workspace}/files")
}

/// The files below a directory, of which none need be there; without the one by which nodes know it.
fn below(directory: &Path) -> BTreeSet<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else { return BTreeSet::new() };
    let paths = entries.map(|entry| entry.unwrap().path()).filter(|path| !path.ends_with("id"));
    paths.flat_map(|path| if path.is_dir() { below(&path) } else { BTreeSet::from([path]) }).collect()
}

/// Serves a database file in this process, with small limits.
fn with_limits(limits: ServerLimits, test: impl FnOnce(&Api, &Path)) {
    let data = TempDir::new().unwrap();
    let database = data.path().join("kafka.db");
    let mut config = Config::file(&database);
    config.open = true;
    config.limits = Limits { file_bytes: 1000, ..Limits::default() };
    let settings = resolve(&Flags::default(), &Environment::default()).unwrap().settings;
    let server = Server::bind(([127, 0, 0, 1], 0).into(), limits).unwrap();
    let (address, shutdown): (SocketAddr, _) = (server.local_addr(), server.shutdown());
    let router = Router::new(Kafka::open(config).unwrap(), &settings, address);
    let serving = thread::spawn(move || server.run(Arc::new(router)));
    test(&Api::at(address), &data.path().join("kafka.db.blobs"));
    shutdown.start();
    serving.join().unwrap().unwrap();
}

#[test]
fn files_go_up_and_come_back_as_they_were() {
    let data = TempDir::new().unwrap();
    let server = RunningServer::start(&Binary::kafka_http(), data.path(), &[]);
    let api = Api::of(&server);
    let files = workspace(&api);
    let bytes: Vec<u8> = (0..300_000u64).map(|at| ((at * at) >> 7) as u8).collect();
    let looks_alike = b"\r\n--test\r\n--tests-\r\n--testsx\r\n\0".as_slice();
    let sent: [(&str, &[u8]); 3] = [("bytes.bin", &bytes), ("empty", b""), ("trial.txt", looks_alike)];
    let made = api.upload(&files, &[], &sent);
    assert_eq!(made.status, 201);
    let items = made.json()["items"].as_array().unwrap().clone();
    assert_eq!(items, *api.get(&files)["items"].as_array().unwrap());
    for (item, (name, bytes)) in items.iter().zip(sent) {
        let path = format!("/api/v1/files/{}", id(item));
        assert_eq!(api.get(&path), *item);
        assert_eq!((&item["filename"], &item["size_bytes"]), (&json!(name), &json!(bytes.len())));
        let got = api.send("GET", &format!("{path}/content"), &[], None);
        assert!(got.status == 200 && got.body == bytes, "{name}");
        let tag = format!("\"{}\"", item["sha256"].as_str().unwrap());
        let disposition = format!("attachment; filename=\"{name}\"; filename*=UTF-8''{name}");
        let head = api.send("HEAD", &format!("{path}/content"), &[], None);
        for reply in [&got, &head] {
            for (field, value) in [
                ("accept-ranges", "bytes"),
                ("cache-control", "private, no-cache"),
                ("content-disposition", &disposition),
                ("content-length", &bytes.len().to_string()),
                ("content-security-policy", "sandbox"),
                ("content-type", item["media_type"].as_str().unwrap()),
                ("etag", &tag),
                ("x-content-type-options", "nosniff"),
            ] {
                assert_eq!(reply.header(field), Some(value), "{name}: {field}");
            }
        }
        for sent in [&tag, &format!("\"x\", W/{tag}"), "*"] {
            let known = api.send("GET", &format!("{path}/content"), &[("If-None-Match", sent)], None);
            assert_eq!((known.status, known.body.len(), known.header("etag")), (304, 0, Some(&*tag)));
        }
    }
    assert_eq!(items[1]["sha256"], EMPTY);

    // The same bytes are kept once, whatever they are called.
    let blobs = blobs_of(data.path());
    assert_eq!(below(&blobs).len(), 3);
    let again = api.upload(&files, &[], &[("other.bin", &bytes)]).json()["items"][0].clone();
    assert_eq!(again["sha256"], items[0]["sha256"]);
    assert_eq!(below(&blobs).len(), 3);
    api.delete(&format!("/api/v1/files/{}", id(&items[0])));
    let gone = api.send("GET", &format!("/api/v1/files/{}/content", id(&items[0])), &[], None);
    assert_eq!(code(&gone), (404, "file_not_found".to_owned()));
    let kept = api.send("GET", &format!("/api/v1/files/{}/content", id(&again)), &[], None);
    assert!(kept.body == bytes);

    let path = format!("/api/v1/files/{}", id(&again));
    assert_eq!(api.patch(&path, &json!({"filename": "a/b.txt"}))["filename"], "b.txt");
}

#[test]
fn a_part_of_a_file_is_sent_alone() {
    let data = TempDir::new().unwrap();
    let server = RunningServer::start(&Binary::kafka_http(), data.path(), &[]);
    let api = Api::of(&server);
    let files = workspace(&api);
    let items = api.upload(&files, &[], &[("digits", b"0123456789"), ("empty", b"")]).json();
    let path = format!("/api/v1/files/{}/content", id(&items["items"][0]));
    let tag = format!("\"{}\"", items["items"][0]["sha256"].as_str().unwrap());
    let table: [(Headers<'_>, u16, &str, Option<&str>); 9] = [
        (&[("Range", "bytes=2-4")], 206, "234", Some("bytes 2-4/10")),
        (&[("Range", "bytes=7-")], 206, "789", Some("bytes 7-9/10")),
        (&[("Range", "bytes=-1")], 206, "9", Some("bytes 9-9/10")),
        (&[("Range", "bytes=0-99")], 206, "0123456789", Some("bytes 0-9/10")),
        (&[("Range", "bytes=0-1,4-5")], 200, "0123456789", None),
        (&[("Range", "lines=1")], 200, "0123456789", None),
        (&[("Range", "bytes=2-4"), ("If-Range", &tag)], 206, "234", Some("bytes 2-4/10")),
        (&[("Range", "bytes=2-4"), ("If-Range", "\"other\"")], 200, "0123456789", None),
        (&[("Range", "bytes=2-4"), ("If-None-Match", &tag)], 304, "", None),
    ];
    for (headers, status, body, range) in table {
        let reply = api.send("GET", &path, headers, None);
        assert_eq!((reply.status, reply.header("content-range")), (status, range), "{headers:?}");
        assert_eq!(String::from_utf8_lossy(&reply.body), body, "{headers:?}");
    }
    let beyond = api.send("GET", &path, &[("Range", "bytes=10-")], None);
    assert_eq!(code(&beyond), (416, "range_not_satisfiable".to_owned()));
    assert_eq!(beyond.header("content-range"), Some("bytes */10"));
    let empty = format!("/api/v1/files/{}/content", id(&items["items"][1]));
    assert_eq!(api.send("GET", &empty, &[("Range", "bytes=0-")], None).status, 416);
    // A range is asked of GET only.
    assert_eq!(api.send("HEAD", &path, &[("Range", "bytes=2-4")], None).status, 200);
}

#[test]
fn a_name_is_never_refused_and_never_a_path() {
    let data = TempDir::new().unwrap();
    let server = RunningServer::start(&Binary::kafka_http(), data.path(), &[]);
    let api = Api::of(&server);
    let files = workspace(&api);
    let long = "x".repeat(300);
    let table = [
        ("../../../etc/passwd", "passwd"),
        ("C:\\\\Users\\\\k\\\\castle.txt", "castle.txt"),
        ("/", "unnamed"),
        ("..", "unnamed"),
        ("", "unnamed"),
        ("a\0b%0D%0Ac.txt", "abc.txt"),
        ("a%22\\\"b.txt", "a\"\"b.txt"),
        ("日記 🏰.txt", "日記 🏰.txt"),
        (&long, &long[..255]),
    ];
    for (sent, name) in table {
        let reply = api.upload(&files, &[], &[(sent, b"x")]);
        assert_eq!(reply.status, 201, "{sent:?}");
        let file = reply.json()["items"][0].clone();
        assert_eq!(file["filename"], name, "{sent:?}");
        let content = api.send("GET", &format!("/api/v1/files/{}/content", id(&file)), &[], None);
        assert!(content.status == 200 && content.body == b"x", "{sent:?}");
    }
    let blobs = blobs_of(data.path());
    assert_eq!(below(&blobs).len(), 1, "bytes lie under their hash");
    let unicode = api.get(&files)["items"][7].clone();
    let content = api.send("GET", &format!("/api/v1/files/{}/content", id(&unicode)), &[], None);
    let expected = "attachment; filename=\"__ _.txt\"; \
                    filename*=UTF-8''%E6%97%A5%E8%A8%98%20%F0%9F%8F%B0.txt";
    assert_eq!(content.header("content-disposition"), Some(expected));
    // A browser's form in which no file was chosen has none.
    let form =
        b"--tests\r\nContent-Disposition: form-data; name=\"files\"; filename=\"\"\r\n\r\n\r\n--tests--";
    assert_eq!(code(&api.send_form(&files, &[], form)), (422, "field_missing".to_owned()));
}

#[test]
fn curl_uploads_and_downloads() {
    let data = TempDir::new().unwrap();
    for binary in Binary::both() {
        let server = RunningServer::start(&binary, data.path(), &[]);
        let url = format!("{}{}", server.url(), workspace(&Api::of(&server)));
        // Longer than what curl sends without asking first, and than any JSON body may be.
        let bytes: Vec<u8> = (0..17_000_000u32).map(|at| (at ^ (at >> 9)) as u8).collect();
        fs::write(data.path().join("large \"quoted\".bin"), &bytes).unwrap();
        fs::write(data.path().join("small.txt"), "Hello").unwrap();
        let curl = |args: &[&str]| {
            let mut command = Command::new("curl");
            command.args(["-sS", "--fail-with-body", "-m", "60"]).args(args).current_dir(data.path());
            let output = command.output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
            output.stdout
        };
        let large = "files=@\"large \\\"quoted\\\".bin\"";
        for framing in [&[][..], &["-H", "Transfer-Encoding: chunked"]] {
            let arguments = [framing, &["-F", large, "-F", "note=ignored", "-F", "files=@small.txt", &url]];
            let made: Value = serde_json::from_slice(&curl(&arguments.concat())).unwrap();
            let names: Vec<&Value> =
                made["items"].as_array().unwrap().iter().map(|item| &item["filename"]).collect();
            assert_eq!(names, ["large \"quoted\".bin", "small.txt"]);
            let content = format!("{}/api/v1/files/{}/content", server.url(), id(&made["items"][0]));
            assert!(curl(&[&content]) == bytes);
            assert!(curl(&["-r", "16999990-", &content]) == bytes[16_999_990..]);
        }
        server.terminate();
    }
}

#[test]
fn what_is_refused_leaves_nothing_and_what_came_before_stays() {
    let limits = ServerLimits { form_parts: 3, body_bytes: 100, ..ServerLimits::default() };
    with_limits(limits, |api, blobs| {
        let files = workspace(api);
        let (most, over) = ([b'x'; 1000], [b'y'; 1001]);
        assert_eq!(api.upload(&files, &[], &[("most", &most)]).status, 201);
        let refused = api.upload(&files, &[], &[("over", &over)]);
        assert_eq!(code(&refused), (413, "file_too_large".to_owned()));
        assert_eq!(refused.json()["items"], Value::Null);
        let refused = api.upload(&files, &[], &[("first", b"1"), ("over", &over), ("third", b"3")]);
        assert_eq!(code(&refused), (413, "file_too_large".to_owned()));
        assert_eq!(refused.json()["items"][0]["filename"], "first");
        let names = |api: &Api| {
            let items = api.get(&files)["items"].as_array().unwrap().clone();
            items.iter().map(|item| item["filename"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names(api), ["most", "first"]);
        // A fourth part is one too many; the third is not.
        let four: Vec<(&str, &[u8])> = vec![("a", b"a"), ("b", b"b"), ("c", b"c"), ("d", b"d")];
        assert_eq!(api.upload(&files, &[], &four[..3]).status, 201);
        let refused = api.upload(&files, &[], &four);
        assert_eq!(code(&refused), (413, "form_too_large".to_owned()));
        assert_eq!(refused.json()["items"].as_array().unwrap().len(), 3);
        let before = names(api);

        let part = |field: &str| format!("--tests\r\nContent-Disposition: form-data; {field}\r\n\r\nx\r\n");
        let end = "--tests--\r\n";
        let too_long = part("name=files; filename=a").replace('x', &"x".repeat(4 * 10_000));
        let table = [
            (end.to_owned(), 422, "field_missing"),
            (part("name=others; filename=a") + end, 422, "field_missing"),
            (part("name=files") + end, 422, "field_invalid"),
            (part("filename=a") + end, 400, "bad_form"),
            (part("name=files; filename=a"), 400, "bad_form"),
            (part("name=files; filename=a").replace("\r\n", "\n"), 400, "bad_form"),
            (too_long, 413, "body_too_large"),
        ];
        for (form, status, expected) in table {
            let reply = api.send_form(&files, &[], form.as_bytes());
            assert_eq!(code(&reply), (status, expected.to_owned()), "{form:.200}");
        }
        for (content_type, status, expected) in [
            ("application/json", 415, "unsupported_media_type"),
            ("application/x-www-form-urlencoded", 415, "unsupported_media_type"),
            ("multipart/form-data", 400, "bad_form"),
        ] {
            let reply = api.send("POST", &files, &[("Content-Type", content_type)], Some("{}"));
            assert_eq!(code(&reply), (status, expected.to_owned()), "{content_type}");
        }
        let missing = api.upload(&files.replace(&files[19..55], NOTHING), &[], &[("a", b"a")]);
        assert_eq!(code(&missing), (404, "workspace_not_found".to_owned()));
        assert_eq!(names(api), before);
        assert_eq!(below(&blobs.join("incoming")), BTreeSet::new());
    });
}

#[test]
fn an_upload_that_is_cut_off_leaves_nothing() {
    let limits = ServerLimits { upload_timeout_ms: 300, ..ServerLimits::default() };
    with_limits(limits, |api, blobs| {
        let files = workspace(api);
        let part = |name: &str| {
            format!("--tests\r\nContent-Disposition: form-data; name=files; filename={name}\r\n\r\n")
        };
        // The first file is whole; of the second some bytes are missing.
        let begun = format!("{}whole\r\n{}some", part("first"), part("second"));
        for (framing, tail, status, expected) in [
            ("Content-Length: 5000", "", 408, "body_timeout"),
            ("Transfer-Encoding: chunked", "x", 400, "bad_body_framing"),
        ] {
            let (name, value) = framing.split_once(": ").unwrap();
            let mut connection = api.open("POST", &files, &[("Content-Type", FORM), (name, value)], None);
            match tail {
                "" => connection.send(begun.as_bytes()),
                tail => connection.send(format!("{:x}\r\n{begun}\r\n{tail}\r\n", begun.len()).as_bytes()),
            }
            let reply = connection.reply();
            assert_eq!(code(&reply), (status, expected.to_owned()), "{framing}");
            let items = reply.json()["items"].clone();
            assert_eq!((items.as_array().unwrap().len(), &items[0]["filename"]), (1, &json!("first")));
            assert_eq!(below(&blobs.join("incoming")), BTreeSet::new(), "{framing}");
        }
        let mut gone = api.open("POST", &files, &[("Content-Type", FORM), ("Content-Length", "5000")], None);
        gone.send(begun.as_bytes());
        gone.finish_sending();
        assert_eq!(code(&gone.reply()), (400, "body_incomplete".to_owned()));
        assert_eq!(below(&blobs.join("incoming")), BTreeSet::new());
        assert_eq!(api.get(&files)["items"].as_array().unwrap().len(), 3);
    });
}

#[test]
fn a_form_that_comes_twice_adds_its_files_once() {
    let data = TempDir::new().unwrap();
    let server = RunningServer::start(&Binary::kafka_http(), data.path(), &[]);
    let api = Api::of(&server);
    let key = [("Idempotency-Key", "k")];
    for path in [workspace(&api), format!("/api/v1/chats/{}/files", api.chat())] {
        let send = |files: &[(&str, &[u8])]| api.upload(&path, &key, files);
        let both: [(&str, &[u8]); 2] = [("a", b"1"), ("b", b"2")];
        let first = send(&both[..1]);
        assert_eq!(first.status, 201);
        // What is there is found again, and what is missing comes to it.
        let second = send(&both).json();
        assert_eq!(second["items"][0], first.json()["items"][0]);
        assert_eq!(send(&both).json(), second);
        assert_eq!(api.get(&path)["items"], second["items"]);
        for other in [[("a", b"other".as_slice())], [("other", b"1")]] {
            assert_eq!(code(&send(&other)), (422, "idempotency_mismatch".to_owned()), "{other:?}");
        }
        let refused = send(&[both[0], ("b", b"other")]);
        assert_eq!(code(&refused), (422, "idempotency_mismatch".to_owned()));
        assert_eq!(refused.json()["items"], first.json()["items"]);
        assert_eq!(api.get(&path)["items"], second["items"]);
    }
}
