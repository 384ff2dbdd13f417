//! A chat as JSON: the API's own objects.

use super::unwritable;
use crate::{
    base::{error::Result, time::Timestamp},
    entity::{chat::Chat, chat_file::ChatFile, message::Message},
};

pub(super) const TAIL: &str = "\n]}\n";

pub(super) fn head(chat: &Chat, files: &[ChatFile], now: Timestamp) -> Result<String> {
    let chat = serde_json::to_string(chat).map_err(unwritable)?;
    let files = serde_json::to_string(files).map_err(unwritable)?;
    Ok(format!(
        "{{\"format\":\"kafka-chat\",\"version\":1,\"exported_at\":\"{now}\",\n\"chat\":{chat},\n\"files\":{files},\n\"messages\":["
    ))
}

pub(super) fn message(message: &Message, is_first: bool) -> Result<String> {
    let message = serde_json::to_string(message).map_err(unwritable)?;
    Ok(format!("{}\n{message}", if is_first { "" } else { "," }))
}
