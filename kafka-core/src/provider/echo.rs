//! The built-in model: offline, deterministic, always there.

use super::api::{CallOptions, Delta, DeltaStream, Prompt, Provider, ProviderError, TokenUsage};

/// Answers `Echo: <last user text>` word by word. Tokens are counted as a quarter of the bytes, rounded
/// up, and at least 1.
#[derive(Clone, Copy, Debug, Default)]
pub struct EchoProvider;

impl Provider for EchoProvider {
    fn name(&self) -> &str {
        "echo"
    }

    fn complete(&self, prompt: &Prompt, options: &CallOptions) -> Result<DeltaStream, ProviderError> {
        let text = format!("Echo: {}", prompt.last_user_text());
        let sent = prompt.messages.iter().map(|message| message.content.len()).sum();
        let (prompt, completion) = (tokens(sent), tokens(text.len()));
        let usage = TokenUsage { prompt, completion, total: prompt + completion };

        let mut deltas = vec![Delta::Model("echo".to_owned())];
        deltas.extend(words(&text).map(|word| Delta::Text(word.to_owned())));
        deltas.extend([Delta::Usage(usage), Delta::Finish("stop".to_owned())]);
        let cancel = options.cancel.clone();
        Ok(Box::new(deltas.into_iter().map(move |delta| match cancel.is_cancelled() {
            true => Err(ProviderError::cancelled()),
            false => Ok(delta),
        })))
    }
}

fn tokens(bytes: usize) -> u64 {
    (bytes as u64).div_ceil(4).max(1)
}

/// Cuts a text into words, each with the white space in front of it, so that nothing is lost.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let word = rest.find(|c: char| !c.is_whitespace()).unwrap_or(rest.len());
        let end = rest[word..].find(char::is_whitespace).map_or(rest.len(), |at| word + at);
        let (piece, after) = rest.split_at(end);
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::cancel::CancelToken;
    use crate::{
        entity::params::{Params, Timeouts},
        provider::{api::PromptMessage, network::Network},
    };

    fn options(cancel: &CancelToken) -> CallOptions {
        CallOptions {
            model: "echo".into(),
            base_url: String::new(),
            api_key: None,
            params: Params::default(),
            network: Network::default(),
            timeouts: Timeouts::default(),
            cancel: cancel.clone(),
        }
    }

    fn prompt(texts: &[&str]) -> Prompt {
        Prompt { messages: texts.iter().map(|text| PromptMessage::text("user", *text)).collect() }
    }

    fn answer(texts: &[&str]) -> Vec<Delta> {
        let stream = EchoProvider.complete(&prompt(texts), &options(&CancelToken::new())).unwrap();
        stream.map(Result::unwrap).collect()
    }

    #[test]
    fn the_last_user_text_comes_back_word_by_word_with_usage() {
        let text = |text: &str| Delta::Text(text.into());
        let usage = TokenUsage { prompt: 5, completion: 5, total: 10 };
        let expected = [
            Delta::Model("echo".into()),
            text("Echo:"),
            text("  two"),
            text("\n\nwords"),
            text(" \t"),
            Delta::Usage(usage),
            Delta::Finish("stop".into()),
        ];
        assert_eq!(answer(&["first", " two\n\nwords \t"]), expected);
    }

    #[test]
    fn nothing_to_echo_is_an_answer_too() {
        let usage = TokenUsage { prompt: 1, completion: 2, total: 3 };
        let expected = [
            Delta::Model("echo".into()),
            Delta::Text("Echo:".into()),
            Delta::Text(" ".into()),
            Delta::Usage(usage),
            Delta::Finish("stop".into()),
        ];
        assert_eq!(answer(&[]), expected);
    }

    #[test]
    fn a_raised_cancel_ends_it() {
        let cancel = CancelToken::new();
        let mut stream = EchoProvider.complete(&prompt(&["a b"]), &options(&cancel)).unwrap();
        assert!(stream.next().unwrap().is_ok());
        cancel.cancel();
        assert_eq!(stream.next(), Some(Err(ProviderError::cancelled())));
    }
}
