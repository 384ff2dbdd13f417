//! Vectors of texts: OpenAI's `/embeddings`, as it and its imitators answer it.

use serde::Deserialize;
use serde_json::json;

use super::{
    Call, OpenAiProvider,
    failure::{Again, Failure},
};
use crate::provider::{
    api::{CallOptions, ProviderError},
    http::{self, Ask},
};

/// Bytes of an answer that are read.
const ANSWER_BYTES: usize = 64 << 20;
/// Most numbers of one vector.
const MOST_DIMS: usize = 8192;

/// Vectors of length 1, one a text, all of as many numbers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Embedded {
    pub(crate) vectors: Vec<Vec<f32>>,
    /// What it cost, as the endpoint counted it; else none.
    pub(crate) tokens: Option<u64>,
}

#[derive(Deserialize)]
struct Answered {
    data: Vec<Item>,
    #[serde(default)]
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Item {
    #[serde(default)]
    index: Option<usize>,
    embedding: Vec<f32>,
}

#[derive(Deserialize)]
struct Usage {
    #[serde(default)]
    total_tokens: Option<u64>,
    #[serde(default)]
    prompt_tokens: Option<u64>,
}

impl OpenAiProvider {
    /// The vectors of these texts. Repeated as a question is.
    ///
    /// # Errors
    /// Those of asking a model; `provider_bad_answer` for too few vectors, for such of different lengths, and for
    /// numbers that are none.
    pub(crate) fn embed(&self, texts: &[&str], options: &CallOptions) -> Result<Embedded, ProviderError> {
        let call = Call::new(options)?;
        let body = json!({"model": options.model, "input": texts, "encoding_format": "float"}).to_string();
        let mut retries = 0;
        loop {
            match self.embed_once(&call, body.as_bytes(), texts.len()) {
                Ok(embedded) => return Ok(embedded),
                Err(failure) => self.pause(&call, failure, &mut retries)?,
            }
        }
    }

    fn embed_once(&self, call: &Call<'_>, body: &[u8], count: usize) -> Result<Embedded, Failure> {
        let (key, network) = (call.options.api_key.as_ref(), &call.options.network);
        let broken = |broken| call.reporter.broken(&broken);
        let mut reply =
            http::send(&call.endpoint, "embeddings", &Ask::PostJson(body), key, network, &call.line)
                .map_err(broken)?;
        if !(200..300).contains(&reply.status) {
            return Err(call.reporter.status(&mut reply, &*self.clock));
        }
        let body = reply.read_all(ANSWER_BYTES).map_err(broken)?;
        read(&body, count).map_err(|what| call.reporter.bad_answer(what, Again::No))
    }
}

/// The vectors in an answer, or what is wrong with it.
fn read(body: &[u8], count: usize) -> Result<Embedded, &'static str> {
    let answered: Answered = serde_json::from_slice(body).map_err(|_| "something else than vectors")?;
    if answered.data.len() != count {
        return Err("another number of vectors than it was sent texts");
    }
    let mut vectors = vec![Vec::new(); count];
    for (place, item) in answered.data.into_iter().enumerate() {
        let slot = vectors.get_mut(item.index.unwrap_or(place)).ok_or("vectors of no text")?;
        if !slot.is_empty() {
            return Err("two vectors for one text");
        }
        *slot = normalised(item.embedding)?;
    }
    let dims = vectors.first().map_or(0, Vec::len);
    if vectors.iter().any(|vector| vector.len() != dims) {
        return Err("vectors of different lengths");
    }
    let tokens = answered.usage.and_then(|usage| usage.total_tokens.or(usage.prompt_tokens));
    Ok(Embedded { vectors, tokens })
}

/// The same direction with length 1, so that a product of two is the cosine of their angle.
fn normalised(mut vector: Vec<f32>) -> Result<Vec<f32>, &'static str> {
    if vector.is_empty() || vector.len() > MOST_DIMS {
        return Err("a vector without numbers, or with more than 8192");
    }
    let length = vector.iter().map(|number| f64::from(*number).powi(2)).sum::<f64>().sqrt();
    if !length.is_finite() || length == 0.0 {
        return Err("a vector of numbers that are no direction");
    }
    vector.iter_mut().for_each(|number| *number = (f64::from(*number) / length) as f32);
    Ok(vector)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_are_taken_whole_or_refused() {
        let ok = |vectors: &[&[f32]]| {
            Ok(Embedded { vectors: vectors.iter().map(|vector| vector.to_vec()).collect(), tokens: Some(7) })
        };
        for (data, expected) in [
            (
                r#"[{"index":0,"embedding":[3,4]},{"index":1,"embedding":[0,2]}]"#,
                ok(&[&[0.6, 0.8], &[0.0, 1.0]]),
            ),
            (
                r#"[{"index":1,"embedding":[3,4]},{"index":0,"embedding":[0,2]}]"#,
                ok(&[&[0.0, 1.0], &[0.6, 0.8]]),
            ),
            (r#"[{"embedding":[1]},{"embedding":[-2]}]"#, ok(&[&[1.0], &[-1.0]])),
            (r#"[{"embedding":[1]}]"#, Err("another number of vectors than it was sent texts")),
            (r#"[{"embedding":[1]},{"embedding":[1,2]}]"#, Err("vectors of different lengths")),
            (r#"[{"embedding":[0]},{"embedding":[1]}]"#, Err("a vector of numbers that are no direction")),
            (r#"[{"embedding":[1e39]},{"embedding":[1]}]"#, Err("something else than vectors")),
            (r#"[{"embedding":[null]},{"embedding":[1]}]"#, Err("something else than vectors")),
            (r#"[{"embedding":[NaN]},{"embedding":[1]}]"#, Err("something else than vectors")),
            (
                r#"[{"embedding":[]},{"embedding":[]}]"#,
                Err("a vector without numbers, or with more than 8192"),
            ),
            (r#"[{"index":0,"embedding":[1]},{"index":0,"embedding":[1]}]"#, Err("two vectors for one text")),
            (r#"[{"index":9,"embedding":[1]},{"index":0,"embedding":[1]}]"#, Err("vectors of no text")),
            ("{}", Err("something else than vectors")),
        ] {
            let body = format!(r#"{{"data":{data},"usage":{{"prompt_tokens":7}}}}"#);
            assert_eq!(read(body.as_bytes(), 2), expected, "{data}");
        }
    }
}
