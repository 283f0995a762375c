//! Intents: durable requests from one agent to another.

mod change;
mod intent;

pub use change::{
    BulkCancelAnswer, BulkCancelRequest, CompletionDelivery, ControlsRequest, PatchAnswer,
    PolicyRequest, ResolveAnswer, ResolveRequest, ResumeIntentAnswer,
};
pub use intent::{
    CreateAnswer, CreateRequest, Intent, IntentAnswer, IntentEvent, IntentEventsAnswer,
    IntentListAnswer, IntentListQuery, IntentSummary, StreamQuery,
};
