//! For the fuzz targets: the payloads of a stream, whatever an endpoint writes into them.

use std::collections::VecDeque;

use super::{complaint::Complaint, transcript::Transcript};
use crate::provider::api::Delta;

/// Reads payloads as an answer. Nothing that it says is empty.
pub(crate) fn deltas(payloads: impl Iterator<Item = String>) {
    let mut transcript = Transcript::new(7, false);
    let mut out = VecDeque::new();
    for data in payloads {
        let complaint = match serde_json::from_str(&data) {
            Ok(chunk) => transcript.chunk(&chunk, &mut out).err(),
            Err(_) => Some(Complaint::in_event(&data)),
        };
        if let Some(complaint) = complaint {
            let _ = (complaint.is_permanent(), complaint.is_about_usage(), Complaint::in_body(&data));
            break;
        }
    }
    transcript.end(true, &mut out);
    for delta in out {
        if let Delta::Text(text) | Delta::Reasoning(text) = delta {
            assert!(!text.is_empty());
        }
    }
}
