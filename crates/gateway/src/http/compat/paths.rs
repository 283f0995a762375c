//! Finding where an agent's address ends in a path.

use axum::http::Method;
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

/// What is escaped in a segment so that it stays one.
const SEGMENT: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'/')
    .add(b':')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'`')
    .add(b'{')
    .add(b'}');

/// The collections whose members are agents, and what can follow a member, longest first.
const COLLECTIONS: &[(&str, &[&str])] = &[
    (
        "/v1/mesh/agents/",
        &[
            "kill",
            "resume",
            "policies/cost",
            "policies/action",
            "policies",
            "instances",
            "last-state",
            "blast-radius",
            "resume-preview",
        ],
    ),
    (
        "/v1/agents/",
        &[
            "intents/stream",
            "policy/entries",
            "policy",
            "receive-override/entries",
            "receive-override",
        ],
    ),
];
/// Segments of a full address after the scheme.
const ADDRESS_SEGMENTS: usize = 3;

/// The path with its agent folded into one segment; none when there is nothing to fold.
pub(super) fn fold_agent(path: &str, method: &Method) -> Option<String> {
    let (collection, suffixes) =
        COLLECTIONS.iter().find(|(collection, _)| path.starts_with(collection))?;
    let rest = path.strip_prefix(collection)?;
    let (scheme, rest) =
        match rest.strip_prefix("agent://").or_else(|| rest.strip_prefix("agent:/")) {
            Some(rest) => ("agent://", rest),
            None => ("", rest),
        };
    let segments: Vec<&str> = rest.split('/').collect();
    if scheme.is_empty() && segments.len() == 1 {
        return None;
    }
    let agent_segments = agent_segments(&segments, suffixes, method);
    let agent = segments.get(..agent_segments)?.join("/");
    let agent = percent_decode_str(&agent).decode_utf8().ok()?;
    let agent = format!("{scheme}{agent}");
    let folded = utf8_percent_encode(&agent, SEGMENT);
    let suffix = segments.get(agent_segments..)?.join("/");
    Some(if suffix.is_empty() {
        format!("{collection}{folded}")
    } else {
        format!("{collection}{folded}/{suffix}")
    })
}

/// How many of the segments belong to the agent.
fn agent_segments(segments: &[&str], suffixes: &[&str], method: &Method) -> usize {
    let suffix_segments = suffixes
        .iter()
        .filter_map(|suffix| suffix_at(segments, suffix))
        .find(|count| *count < segments.len());
    match suffix_segments {
        // A full address that ends in a word which is a suffix too: `…/ws/kill`. It is the suffix
        // of a shorter address only where that could be meant.
        Some(count)
            if segments.len() == ADDRESS_SEGMENTS && method != Method::POST && count == 1 =>
        {
            segments.len()
        }
        Some(count) => segments.len() - count,
        None => segments.len(),
    }
}

/// How many segments at the end are this suffix, with an id behind it where it takes one.
fn suffix_at(segments: &[&str], suffix: &str) -> Option<usize> {
    let words: Vec<&str> = suffix.split('/').collect();
    if segments.ends_with(&words) {
        return Some(words.len());
    }
    let (_id, before) = segments.split_last()?;
    let takes_id = suffix.ends_with("entries") || suffix.ends_with("action");
    (takes_id && before.ends_with(&words)).then_some(words.len() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fold(method: &Method, path: &str) -> String {
        fold_agent(path, method).unwrap_or_else(|| path.to_owned())
    }

    #[test]
    fn raw_addresses_become_one_segment() {
        let post = |path: &str| fold(&Method::POST, path);
        let folded = "/v1/mesh/agents/agent%3A%2F%2Forg%2Fws%2Fname/kill";
        assert_eq!(post("/v1/mesh/agents/agent://org/ws/name/kill"), folded);
        assert_eq!(post("/v1/mesh/agents/agent%3A%2F%2Forg%2Fws%2Fname/kill"), folded);
        assert_eq!(
            post("/v1/mesh/agents/org/ws/name/kill"),
            "/v1/mesh/agents/org%2Fws%2Fname/kill"
        );
        assert_eq!(post("/v1/mesh/agents/addr_1/kill"), "/v1/mesh/agents/addr_1/kill");
        assert_eq!(
            post("/v1/mesh/agents/agent://bob/kill"),
            "/v1/mesh/agents/agent%3A%2F%2Fbob/kill"
        );
    }

    #[test]
    fn streams_and_registry_paths_fold_too() {
        let get = |path: &str| fold(&Method::GET, path);
        assert_eq!(get("/v1/agents/name/intents/stream"), "/v1/agents/name/intents/stream");
        assert_eq!(
            get("/v1/agents/org/ws/name/intents/stream"),
            "/v1/agents/org%2Fws%2Fname/intents/stream"
        );
        assert_eq!(get("/v1/agents/org/ws/name"), "/v1/agents/org%2Fws%2Fname");
        assert_eq!(
            get("/v1/agents/agent://o/w/n/policy"),
            "/v1/agents/agent%3A%2F%2Fo%2Fw%2Fn/policy"
        );
        assert_eq!(get("/v1/intents/x"), "/v1/intents/x");
    }

    #[test]
    fn an_agent_may_be_called_like_a_suffix() {
        assert_eq!(
            fold(&Method::GET, "/v1/mesh/agents/agent://org/ws/kill"),
            "/v1/mesh/agents/agent%3A%2F%2Forg%2Fws%2Fkill"
        );
        assert_eq!(
            fold(&Method::POST, "/v1/mesh/agents/agent://org/ws/kill/kill"),
            "/v1/mesh/agents/agent%3A%2F%2Forg%2Fws%2Fkill/kill"
        );
    }
}
