//! Quirks of published clients, and nothing else.
//!
//! * Agents stand in paths as raw addresses of several segments
//!   (`/v1/mesh/agents/agent://org/ws/name/kill`), with or without the scheme, as bare names, ids,
//!   or escaped. [`one_segment`] folds all of them into one escaped segment before routing, so
//!   that every route is an ordinary one.
//! * Filters use several vocabularies for health; [`own_health_word`] reads them all.

mod paths;

use axme_core::health::Health;
use axum::extract::Request;
use axum::http::Uri;

/// Rewrites the path of a request that names an agent, so that the agent is one segment.
pub(super) fn one_segment(mut request: Request) -> Request {
    let path = request.uri().path();
    if let Some(path) = paths::fold_agent(path, request.method()) {
        let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
        if let Ok(uri) = format!("{path}{query}").parse::<Uri>() {
            *request.uri_mut() = uri;
        }
    }
    request
}

/// A word for health in our own vocabulary. Besides it those of the published README and of older
/// documents are known; one that nobody knows stays as it is, and matches no agent.
pub(super) fn own_health_word(word: String) -> String {
    let health = match word.as_str() {
        "active" | "alive" => Health::Healthy,
        "stale" | "unhealthy" => Health::Degraded,
        "crashed" | "dead" => Health::Unreachable,
        "registering" => Health::Unknown,
        _ => return word,
    };
    health.as_str().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_the_published_readme_filter() {
        let own = |word: &str| own_health_word(word.to_owned());
        assert_eq!(own("active"), "healthy");
        assert_eq!(own("stale"), "degraded");
        assert_eq!(own("crashed"), "unreachable");
        assert_eq!(own("killed"), "killed");
        assert_eq!(own("sleepy"), "sleepy");
    }
}
