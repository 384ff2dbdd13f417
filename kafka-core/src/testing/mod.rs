//! Stand-ins for tests of applications that embed the library. Feature `testing`; outside the
//! guarantees of semantic versioning.
#![expect(clippy::expect_used, reason = "a test is best told by a panic that its stand-in does not work")]

mod endpoint;
mod script;

pub use endpoint::{ScriptedEndpoint, ScriptedRequest};
pub use script::{Gate, Script};
