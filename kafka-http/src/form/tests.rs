use proptest::prelude::*;

use super::*;

/// A field as it was read: its name, what its file is called, and its bytes.
type Field = (String, Option<String>, Vec<u8>);

fn limits() -> ServerLimits {
    ServerLimits { form_parts: 4, form_head_bytes: 200, form_text_bytes: 20, ..ServerLimits::default() }
}

fn field(name: &str, filename: Option<&str>, content: &[u8]) -> Field {
    (name.to_owned(), filename.map(str::to_owned), content.to_vec())
}

/// A body that comes in pieces, the last size over and over.
struct Pieces<'a> {
    bytes: &'a [u8],
    sizes: Vec<usize>,
}

impl Read for Pieces<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let size = if self.sizes.len() > 1 { self.sizes.remove(0) } else { self.sizes[0] };
        let most = out.len().min(size);
        self.bytes.read(&mut out[..most])
    }
}

fn read(content_type: &str, body: &[u8], sizes: &[usize]) -> Result<Vec<Field>, FormError> {
    let Some(coding) = Coding::of(content_type)? else { panic!("{content_type} is a form") };
    let mut form = Form::new(&coding, Pieces { bytes: body, sizes: sizes.to_vec() }, &limits())?;
    let mut fields = Vec::new();
    while let Some(mut part) = form.next_part()? {
        let (name, filename) = (part.name.clone(), part.filename.clone());
        let content = match filename {
            None => part.text()?.into_bytes(),
            Some(_) => {
                let mut content = Vec::new();
                if part.read_to_end(&mut content).is_err() {
                    return Err(form.take_failure().unwrap());
                }
                content
            }
        };
        fields.push((name, filename, content));
    }
    Ok(fields)
}

const TYPE: &str = "multipart/form-data; boundary=b";

/// The same in whatever pieces it comes.
fn outcome(content_type: &str, body: &[u8]) -> Result<Vec<Field>, String> {
    let whole = read(content_type, body, &[usize::MAX]).map_err(|error| error.to_string());
    for size in 1..=9 {
        let cut = read(content_type, body, &[size]).map_err(|error| error.to_string());
        assert_eq!(cut, whole, "{} in pieces of {size}", body.escape_ascii());
    }
    whole
}

fn part(disposition: &str, content: &str) -> String {
    format!("--b\r\nContent-Disposition: form-data; {disposition}\r\n\r\n{content}\r\n")
}

#[test]
fn a_form_is_cut_where_its_boundaries_are() {
    let file = |content: &[u8]| Ok(vec![field("f", Some("n"), content)]);
    let whole = |content: &str| format!("{}--b--\r\n", part("name=f; filename=n", content));
    let table: Vec<(String, Result<Vec<Field>, &str>)> = vec![
        (whole("hello"), file(b"hello")),
        (whole(""), file(b"")),
        (whole("\r\n"), file(b"\r\n")),
        (whole("\r\n\r"), file(b"\r\n\r")),
        // What looks like the boundary is not it.
        (whole("--b\r\n"), file(b"--b\r\n")),
        (whole("x\r\n--bb\r\n--b-\r\n--b \r\n--B\r\n--"), file(b"x\r\n--bb\r\n--b-\r\n--b \r\n--B\r\n--")),
        (whole("x\n--b\n--b--\ny"), file(b"x\n--b\n--b--\ny")),
        (whole("\r\n-\r\n--\r\n--\r\r\n--b\r"), file(b"\r\n-\r\n--\r\n--\r\r\n--b\r")),
        // What stands around the parts means nothing.
        (format!("This is a form.\r\n{}", whole("x")), file(b"x")),
        (format!("--bb\r\n{}and more\r\n--b\r\n", whole("x")), file(b"x")),
        (whole("x").trim_end().to_owned(), file(b"x")),
        ("--b--".to_owned(), Ok(vec![])),
        // A form that does not end is none.
        (String::new(), Err("it ends before its last boundary")),
        ("--b\r\n".to_owned(), Err("it ends before its last boundary")),
        ("--b\r\nContent-Disposition: form-da".to_owned(), Err("it ends before its last boundary")),
        (part("name=f; filename=n", "x"), Err("it ends before its last boundary")),
        (format!("{}--b", part("name=f; filename=n", "x")), Err("it ends before its last boundary")),
        (format!("{}--b-", part("name=f; filename=n", "x")), Err("it ends before its last boundary")),
        (format!("{}--b\n", part("name=f; filename=n", "x")), Err("it ends before its last boundary")),
        (whole("x").replace("\r\n", "\n"), Err("it ends before its last boundary")),
        // Heads.
        ("--b\r\n\r\nx\r\n--b--".to_owned(), Err("a part has no name")),
        ("--b\r\nX: y\r\n\r\nx\r\n--b--".to_owned(), Err("a part has no name")),
        (part("filename=n", "x"), Err("a part has no name")),
        (part("name=f\nX: y", "x"), Err("folded, or ends without CR LF")),
        (part("name=f\r\n x=y", "x"), Err("folded, or ends without CR LF")),
        (part("name=f\rX: y", "x"), Err("folded, or ends without CR LF")),
        (part("name=f\r\nX", "x"), Err("has no colon")),
        (part("name=f\r\nContent-Disposition: form-data; name=g", "x"), Err("two Content-Dispositions")),
        (part("name=f; name=g", "x"), Err("is not understood")),
        (part("name=\"f", "x"), Err("is not understood")),
        (part("name=\"f\"x", "x"), Err("is not understood")),
        (part("name", "x"), Err("is not understood")),
        ("--b\r\nContent-Disposition: attachment; name=f\r\n\r\n".to_owned(), Err("is not form-data")),
        ("--b\r\nContent-Disposition: form-data\r\n\r\n".to_owned(), Err("a part has no name")),
    ];
    for (body, expected) in table {
        match (outcome(TYPE, body.as_bytes()), expected) {
            (Ok(fields), Ok(expected)) => assert_eq!(fields, expected, "{body:?}"),
            (Err(error), Err(expected)) => assert!(error.contains(expected), "{body:?}: {error}"),
            (found, expected) => panic!("{body:?}: {found:?}, not {expected:?}"),
        }
    }
}

#[test]
fn names_are_understood_as_browsers_and_curl_write_them() {
    let table: [(&str, &str, Option<&str>); 17] = [
        (r#"name="a""#, "a", None),
        (r"name=a", "a", None),
        (r#"NAME = "a" ; FileName = b.txt "#, "a", Some("b.txt")),
        (r#"name="";filename="""#, "", Some("")),
        (r#"name="a b;c=d"; filename="x;y""#, "a b;c=d", Some("x;y")),
        (r#"name="a%22%0D%0a%0A%20%41b"; filename="%""#, "a\"\r\n\n%20%41b", Some("%")),
        (r#"name="a\"b\\c\d""#, r#"a"b\c\d"#, None),
        (r#"name=a; filename="C:\dir\file.txt""#, "a", Some(r"C:\dir\file.txt")),
        (r#"name=a; filename="dir\""#, "a", Some(r"dir\")),
        (r#"name=a; filename="../../etc/passwd""#, "a", Some("../../etc/passwd")),
        (r#"name="名"; filename="日記.txt""#, "名", Some("日記.txt")),
        (r"name=a; filename*=UTF-8''%E6%97%A5%22.txt", "a", Some("日\".txt")),
        (r"name=a; filename*=utf-8'en'it%27s; filename=other", "a", Some("it's")),
        (r"name=a; filename=other; filename*=iso-8859-1''%E9", "a", Some("\u{fffd}")),
        (r"name=a; filename*=odd%zz", "a", Some("odd%zz")),
        (r"name=a; size=5; filename=b", "a", Some("b")),
        ("name=a; filename=\"a\0b\"", "a", Some("a\0b")),
    ];
    for (disposition, name, filename) in table {
        let body = format!("{}--b--", part(disposition, "x"));
        assert_eq!(outcome(TYPE, body.as_bytes()), Ok(vec![field(name, filename, b"x")]), "{disposition}");
    }
    let body = b"--b\r\nContent-Disposition: form-data; name=\"a\xff\"\r\n\r\nx\r\n--b--";
    assert_eq!(outcome(TYPE, body), Ok(vec![field("a\u{fffd}", None, b"x")]));
}

#[test]
fn a_media_type_names_the_coding() {
    let multipart = |boundary: &str| Some(Coding::Multipart(boundary.into()));
    let longest = "x".repeat(70);
    let table = [
        ("multipart/form-data; boundary=b".to_owned(), multipart("b")),
        ("Multipart/Form-Data;charset=utf-8;BOUNDARY=\"a b\" ".to_owned(), multipart("a b")),
        ("multipart/form-data; boundary=-=_?'()+,./:".to_owned(), multipart("-=_?'()+,./:")),
        (format!("multipart/form-data; boundary={longest}"), multipart(&longest)),
        ("application/x-www-form-urlencoded; charset=utf-8".to_owned(), Some(Coding::Urlencoded)),
        ("multipart/mixed; boundary=b".to_owned(), None),
        ("application/json".to_owned(), None),
        (String::new(), None),
    ];
    for (content_type, expected) in table {
        assert_eq!(Coding::of(&content_type).unwrap(), expected, "{content_type}");
    }
    for boundary in ["", "boundary=", "boundary=\"b \"", "boundary=b\u{e9}", "boundary=b; boundary=c"] {
        let content_type = format!("multipart/form-data; {boundary}");
        assert!(Coding::of(&content_type).is_err(), "{content_type}");
    }
    assert!(Coding::of(&format!("multipart/form-data; boundary={longest}x")).is_err());
}

#[test]
fn a_form_without_files_is_read_alike() {
    let body = b"a=1&b=%C3%A9+x%2B&a=2&%zz&=&&c=d=e&f=%ff";
    let text = |name: &str, value: &str| field(name, None, value.as_bytes());
    let expected = [
        text("a", "1"),
        text("b", "\u{e9} x+"),
        text("a", "2"),
        text("%zz", ""),
        text("", ""),
        text("c", "d=e"),
        text("f", "\u{fffd}"),
    ];
    let limits = ServerLimits { form_parts: 7, ..limits() };
    let mut form = Form::new(&Coding::Urlencoded, &body[..], &limits).unwrap();
    for (name, filename, value) in expected {
        let part = form.next_part().unwrap().unwrap();
        assert_eq!((&part.name, &part.filename), (&name, &filename));
        assert_eq!(part.text().unwrap().into_bytes(), value, "{name}");
    }
    assert!(form.next_part().unwrap().is_none());
    assert_eq!(read("application/x-www-form-urlencoded", b"", &[1]).unwrap(), []);
}

#[test]
fn each_limit_of_a_form_holds() {
    let urlencoded = "application/x-www-form-urlencoded";
    let form = |parts: usize, head: usize, text: usize| {
        let text = "x".repeat(text);
        let head = "x".repeat(head - "Content-Disposition: form-data; name=f\r\nX: ".len());
        format!("{}--b--", part(&format!("name=f\r\nX: {head}"), &text).repeat(parts))
    };
    let preamble = |length: usize| format!("{}\r\n--b--", "x".repeat(length));
    let epilogue = |length: usize| format!("--b--{}", "x".repeat(length));
    let table = [
        (TYPE, form(4, 200, 20), None),
        (TYPE, form(5, 200, 20), Some("fields and files are 4")),
        (TYPE, form(4, 201, 20), Some("part's head are 200")),
        (TYPE, form(4, 10_000, 20), Some("part's head are 200")),
        (TYPE, form(4, 200, 21), Some("bytes of a text are 20")),
        (TYPE, preamble(198), None),
        (TYPE, preamble(199), Some("before the first part are 200")),
        (TYPE, epilogue(200), None),
        (TYPE, epilogue(201), Some("behind the last part are 200")),
        (urlencoded, "a=1&b&c&d".to_owned(), None),
        (urlencoded, "a=1&b&c&d&e".to_owned(), Some("fields and files are 4")),
        (urlencoded, format!("a={}", "x".repeat(21)), Some("bytes of a text are 20")),
    ];
    for (content_type, body, expected) in table {
        let error = outcome(content_type, body.as_bytes()).err();
        match (error, expected) {
            (None, None) => {}
            (Some(error), Some(expected)) if error.contains(expected) => {}
            (error, _) => panic!("{body:?}: {error:?}"),
        }
    }
    let refused = read(TYPE, form(5, 200, 20).as_bytes(), &[9]).unwrap_err();
    assert_eq!(Problem::from(&refused).status, 413);
    let text = read(TYPE, b"--b\r\nContent-Disposition: form-data; name=a\r\n\r\n\xff\r\n--b--", &[9]);
    assert_eq!(Problem::from(&text.unwrap_err()).status, 400);
}

#[test]
fn what_is_left_of_a_part_is_skipped_and_what_failed_stays_failed() {
    let body = format!("{}{}--b--", part("name=a; filename=x", &"x".repeat(100_000)), part("name=b", "y"));
    let coding = Coding::of(TYPE).unwrap().unwrap();
    let mut form = Form::new(&coding, body.as_bytes(), &limits()).unwrap();
    let mut first = form.next_part().unwrap().unwrap();
    assert!(!first.is_empty().unwrap());
    first.read_exact(&mut [0; 7]).unwrap();
    assert_eq!(form.next_part().unwrap().unwrap().text().unwrap(), "y");
    assert!(form.next_part().unwrap().is_none());
    assert!(form.next_part().unwrap().is_none());

    let cut = &body.as_bytes()[..50_000];
    let mut form = Form::new(&coding, cut, &limits()).unwrap();
    let mut first = form.next_part().unwrap().unwrap();
    assert!(first.read_to_end(&mut Vec::new()).is_err());
    assert!(form.next_part().is_err());
    assert!(form.next_part().is_err());
}

/// What no part of a form may hold, together with the line end in front of its boundary.
fn holds_delimiter(content: &[u8]) -> bool {
    let ended = [content, b"\r\n"].concat();
    [b"\r\n--b\r\n", b"\r\n--b--"].iter().any(|end| ended.windows(end.len()).any(|window| window == *end))
}

/// As curl writes a name, or as browsers do.
fn quoted(name: &str, is_curl: bool) -> String {
    let name = name.replace('\\', "\\\\").replace('\r', "%0D").replace('\n', "%0A");
    name.replace('"', if is_curl { "\\\"" } else { "%22" })
}

/// Bytes that are likely to look like what ends them.
fn content() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"\r\n--b".to_vec()),
        Just(b"\r\n--".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"--b--".to_vec()),
        Just(b"\r".to_vec()),
        Just(b"b".to_vec()),
        prop::collection::vec(any::<u8>(), 0..12),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// Mostly what a form is made of.
fn almost_a_form() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"--b\r\n".to_vec()),
        Just(b"\r\n--b\r\n".to_vec()),
        Just(b"Content-Disposition: form-data; name=\"a\"".to_vec()),
        Just(b"; filename=\"b\\\"%22".to_vec()),
        Just(b"; filename*=UTF-8''%41%".to_vec()),
        Just(b"\r\n\r\n".to_vec()),
        Just(b"\r\n--b--".to_vec()),
        content(),
    ];
    prop::collection::vec(piece, 0..16).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_form_survives_in_any_pieces(
        fields in prop::collection::vec(
            ("[^%]{0,8}", prop::option::of("[^%]{0,8}"), content(), any::<bool>()),
            0..4,
        ),
        sizes in prop::collection::vec(1usize..60, 1..40),
    ) {
        let mut body = Vec::new();
        let mut expected = Vec::new();
        for (name, filename, content, is_curl) in fields {
            // A field that is no file is a short text.
            let content = match filename {
                Some(_) if holds_delimiter(&content) => b"replaced".to_vec(),
                Some(_) => content,
                None => format!("{:.10}", content.escape_ascii().to_string()).into_bytes(),
            };
            let file = filename.as_ref().map(|filename| format!("; filename=\"{}\"", quoted(filename, is_curl)));
            let disposition = format!("name=\"{}\"{}", quoted(&name, is_curl), file.unwrap_or_default());
            let head = format!("--b\r\nContent-Disposition: form-data; {disposition}\r\n\r\n");
            body.extend([head.as_bytes(), &content, b"\r\n"].concat());
            expected.push((name, filename, content));
        }
        body.extend(b"--b--\r\n");
        prop_assert_eq!(read(TYPE, &body, &sizes).unwrap(), expected);
    }

    #[test]
    fn any_bytes_say_the_same_in_any_pieces(body in almost_a_form()) {
        let _ = outcome(TYPE, &body);
        let _ = outcome("application/x-www-form-urlencoded", &body);
    }

    #[test]
    fn no_media_type_makes_the_parser_panic(text in "\\PC{0,40}") {
        let _ = Coding::of(&text);
        let _ = Coding::of(&format!("multipart/form-data;{text}"));
    }
}
