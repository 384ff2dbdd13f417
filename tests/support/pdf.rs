//! PDFs that tests make themselves (ISO 32000-1): one that says something, and such as should not be believed.

/// A document with a page for each of these texts, which must have no brackets.
pub(crate) fn pdf(pages: &[&str]) -> Vec<u8> {
    let contents = pages.iter().map(|text| {
        let lines: Vec<String> = text.lines().map(|line| format!("({line}) Tj T*")).collect();
        let content = format!("BT /F1 12 Tf 14 TL 72 720 Td {} ET", lines.join(" "));
        // The characters of the encoding that the font has are for the most part those of Latin 1.
        let content: Vec<u8> = content.chars().map(|sign| u8::try_from(u32::from(sign)).unwrap()).collect();
        stream("", &content)
    });
    let contents: Vec<_> = contents.collect();
    document(&contents, &(0..pages.len()).collect::<Vec<_>>(), "")
}

/// One that wants a password, since nothing in it was sealed with the empty one.
pub(crate) fn encrypted_pdf() -> Vec<u8> {
    let seal = "A5".repeat(32);
    let encrypt =
        format!("/Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <{seal}> /U <{seal}> >> /ID [<00> <00>]");
    document(&[stream("", b"BT /F1 12 Tf (secret) Tj ET")], &[0], &encrypt)
}

/// One whose pages are empty, such as those of a scan without its pictures.
pub(crate) fn wordless_pdf() -> Vec<u8> {
    document(&[stream("", b"0 0 100 100 re f")], &[0], "")
}

/// A few kilobytes that are this many megabytes of drawing instructions, on each of so many pages.
pub(crate) fn pdf_bomb(megabytes: usize, pages: usize) -> Vec<u8> {
    let content = stream("/Filter /FlateDecode ", &deflated_pairs(*b"q ", megabytes << 19));
    document(&[content], &vec![0; pages], "")
}

fn stream(entries: &str, bytes: &[u8]) -> Vec<u8> {
    let head = format!("<< {entries}/Length {} >>\nstream\n", bytes.len());
    [head.as_bytes(), bytes, b"\nendstream"].concat()
}

/// A catalogue, a tree of pages, a font, contents, and pages, each of which has one of them.
fn document(contents: &[Vec<u8>], pages: &[usize], in_trailer: &str) -> Vec<u8> {
    let first_page = 4 + contents.len();
    let kids: Vec<String> = (0..pages.len()).map(|page| format!("{} 0 R", first_page + page)).collect();
    let mut objects = vec![
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        format!("<< /Type /Pages /Count {} /Kids [{}] >>", kids.len(), kids.join(" ")).into_bytes(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>".to_vec(),
    ];
    objects.extend(contents.iter().cloned());
    objects.extend(pages.iter().map(|content| {
        let number = 4 + content;
        let page = format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {number} 0 R \
             /Resources << /Font << /F1 3 0 R >> >> >>"
        );
        page.into_bytes()
    }));
    let mut bytes = b"%PDF-1.4\n".to_vec();
    let mut offsets = String::new();
    for (at, object) in objects.iter().enumerate() {
        offsets.push_str(&format!("{:010} 00000 n \n", bytes.len()));
        bytes.extend([format!("{} 0 obj\n", at + 1).as_bytes(), object, b"\nendobj\n"].concat());
    }
    let (start, size) = (bytes.len(), objects.len() + 1);
    let end = format!(
        "xref\n0 {size}\n0000000000 65535 f \n{offsets}\
         trailer << /Size {size} /Root 1 0 R {in_trailer} >>\nstartxref\n{start}\n%%EOF\n"
    );
    bytes.extend(end.bytes());
    bytes
}

/// The same two bytes again and again, about so often, deflated with the fixed codes of RFC 1951.
fn deflated_pairs(pair: [u8; 2], count: usize) -> Vec<u8> {
    let mut bits = Bits::default();
    bits.put(0b011, 3);
    let mut length = 2;
    for byte in pair {
        bits.put_code(0b0011_0000 + u32::from(byte), 8);
    }
    while length < 2 * count {
        // 258 bytes from 2 bytes before.
        bits.put_code(0b1100_0101, 8);
        bits.put_code(1, 5);
        length += 258;
    }
    bits.put_code(0, 7);
    // Sums of RFC 1950 over what repeats.
    let (mut low, mut high) = (1u32, 0u32);
    for at in 0..length {
        low = (low + u32::from(pair[at % 2])) % 65521;
        high = (high + low) % 65521;
    }
    [&[0x78, 0x01], &*bits.bytes, &((high << 16) | low).to_be_bytes()].concat()
}

/// Bits, the lowest of a byte first.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    count: usize,
}

impl Bits {
    fn put(&mut self, value: u32, width: usize) {
        for at in 0..width {
            if self.count.is_multiple_of(8) {
                self.bytes.push(0);
            }
            let last = self.bytes.len() - 1;
            self.bytes[last] |= ((value >> at & 1) as u8) << (self.count % 8);
            self.count += 1;
        }
    }

    /// Codes are written from their highest bit on.
    fn put_code(&mut self, code: u32, width: usize) {
        (0..width).rev().for_each(|at| self.put(code >> at & 1, 1));
    }
}
