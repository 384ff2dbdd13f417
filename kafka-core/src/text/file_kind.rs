//! What a file is by its name.

/// What a file is, by the end of its name alone: upper and lower case are the same, its content is not read.
///
/// `kind` and `language` are words of the Kafka protocol's upload object, which clients show and branch on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileKind {
    /// `based`, `code`, `pdf`, `csv`, `markdown`, `image`, `computer` (programs, archives, images of disks) or
    /// `other`.
    pub kind: &'static str,
    /// The language of code, where the protocol has a word for it: `c/cpp`, `csharp`, `go`, `java`,
    /// `javascript/typescript`, `python`, `ruby` or `rust`.
    pub language: Option<&'static str>,
    /// The media type, without a character set; `application/octet-stream` where the name says nothing.
    /// Types are those of the IANA registry where it has the format.
    pub media_type: &'static str,
}

impl FileKind {
    /// What a file with this name is. A path may stand before it.
    #[must_use]
    pub fn of(filename: &str) -> FileKind {
        let name = filename.rsplit(['/', '\\']).next().unwrap_or_default();
        // What begins with its only dot is a name without an extension, such as `.gitignore`.
        let extension = match name.rsplit_once('.') {
            Some((stem, extension)) if !stem.is_empty() => extension.to_ascii_lowercase(),
            _ => String::new(),
        };
        let row = KINDS.iter().find(|(extensions, ..)| extensions.contains(&extension.as_str()));
        let (kind, language, media_type) = row
            .map_or(("other", None, "application/octet-stream"), |(_, kind, language, media_type)| {
                (*kind, *language, *media_type)
            });
        FileKind { kind, language, media_type }
    }
}

type Row = (&'static [&'static str], &'static str, Option<&'static str>, &'static str);

const KINDS: &[Row] = &[
    (&["based"], "based", None, "text/plain"),
    (&["py", "pyi", "pyw"], "code", Some("python"), "text/x-python"),
    (&["js", "mjs", "cjs", "jsx"], "code", Some("javascript/typescript"), "text/javascript"),
    (&["ts", "tsx", "mts", "cts"], "code", Some("javascript/typescript"), "text/plain"),
    (&["java"], "code", Some("java"), "text/plain"),
    (&["c", "h", "cc", "cpp", "cxx", "hh", "hpp", "hxx"], "code", Some("c/cpp"), "text/plain"),
    (&["cs"], "code", Some("csharp"), "text/plain"),
    (&["rb"], "code", Some("ruby"), "text/plain"),
    (&["go"], "code", Some("go"), "text/plain"),
    (&["rs"], "code", Some("rust"), "text/plain"),
    (&["html", "htm"], "code", None, "text/html"),
    (&["css"], "code", None, "text/css"),
    (&["json"], "code", None, "application/json"),
    (&["xml"], "code", None, "application/xml"),
    (&["yaml", "yml"], "code", None, "application/yaml"),
    (&["toml"], "code", None, "application/toml"),
    (&["sql"], "code", None, "application/sql"),
    (&["sh", "bash", "zsh", "fish", "ps1", "bat", "cmd"], "code", None, "text/plain"),
    (&["php", "swift", "kt", "kts", "scala", "lua", "pl", "r", "jl", "ex", "hs"], "code", None, "text/plain"),
    (&["pdf"], "pdf", None, "application/pdf"),
    (&["csv"], "csv", None, "text/csv"),
    (&["md", "markdown"], "markdown", None, "text/markdown"),
    (&["png"], "image", None, "image/png"),
    (&["jpg", "jpeg"], "image", None, "image/jpeg"),
    (&["gif"], "image", None, "image/gif"),
    (&["webp"], "image", None, "image/webp"),
    (&["avif"], "image", None, "image/avif"),
    (&["svg"], "image", None, "image/svg+xml"),
    (&["bmp"], "image", None, "image/bmp"),
    (&["tif", "tiff"], "image", None, "image/tiff"),
    (&["ico"], "image", None, "image/vnd.microsoft.icon"),
    (&["heic"], "image", None, "image/heic"),
    (&["exe", "msi", "dll", "so", "dylib", "bin", "app"], "computer", None, "application/octet-stream"),
    (&["iso", "img", "dmg", "deb", "rpm", "apk"], "computer", None, "application/octet-stream"),
    (&["zip"], "computer", None, "application/zip"),
    (&["gz", "tgz"], "computer", None, "application/gzip"),
    (&["tar", "bz2", "xz", "7z", "rar"], "computer", None, "application/octet-stream"),
    (&["txt", "text", "log"], "other", None, "text/plain"),
    (&["rtf"], "other", None, "application/rtf"),
    (&["tsv"], "other", None, "text/tab-separated-values"),
    (&["mp3"], "other", None, "audio/mpeg"),
    (&["wav"], "other", None, "audio/wav"),
    (&["mp4"], "other", None, "video/mp4"),
    (&["webm"], "other", None, "video/webm"),
    (&["docx"], "other", None, "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    (&["xlsx"], "other", None, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    (&["pptx"], "other", None, "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_the_kind_by_its_end() {
        for (name, kind, language, media_type) in [
            ("flow.based", "based", None, "text/plain"),
            ("tool.py", "code", Some("python"), "text/x-python"),
            ("src/App.TSX", "code", Some("javascript/typescript"), "text/plain"),
            ("C:\\x\\main.cpp", "code", Some("c/cpp"), "text/plain"),
            ("page.html", "code", None, "text/html"),
            ("a.b.CSV", "csv", None, "text/csv"),
            ("README.md", "markdown", None, "text/markdown"),
            ("Photo.JPeG", "image", None, "image/jpeg"),
            ("report.pdf", "pdf", None, "application/pdf"),
            ("notes.txt", "other", None, "text/plain"),
            ("setup.exe", "computer", None, "application/octet-stream"),
            ("py", "other", None, "application/octet-stream"),
            (".py", "other", None, "application/octet-stream"),
            ("x.py/y", "other", None, "application/octet-stream"),
            ("x.", "other", None, "application/octet-stream"),
            ("ÿ.ÿ", "other", None, "application/octet-stream"),
            ("", "other", None, "application/octet-stream"),
        ] {
            assert_eq!(FileKind::of(name), FileKind { kind, language, media_type }, "{name}");
        }
    }

    #[test]
    fn each_extension_stands_in_one_row() {
        let mut extensions: Vec<&str> = KINDS.iter().flat_map(|row| row.0.iter().copied()).collect();
        extensions.sort_unstable();
        assert!(extensions.windows(2).all(|pair| pair[0] != pair[1]), "{extensions:?}");
    }
}
