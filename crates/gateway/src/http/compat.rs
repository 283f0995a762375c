//! Quirks of published clients, and nothing else.
//!
//! * Agents stand in paths as raw addresses of several segments
//!   (`/v1/mesh/agents/agent://org/ws/name/kill`), with or without the scheme, as bare names, ids,
//!   or escaped. [`one_segment`] folds all of them into one escaped segment before routing, so
//!   that every route is an ordinary one.
//! * Filters use several vocabularies for health; [`health_filter`] reads them all.

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

/// The health that a filter asks for. Besides our own words those of the published README and of
/// older documents; none for a word that nobody knows, which matches no agent.
pub(super) fn health_filter(word: &str) -> Option<Health> {
    match word {
        "active" | "alive" => Some(Health::Healthy),
        "stale" | "unhealthy" => Some(Health::Degraded),
        "crashed" | "dead" => Some(Health::Unreachable),
        "registering" => Some(Health::Unknown),
        own => Health::parse(own),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_the_published_readme_filter() {
        assert_eq!(health_filter("active"), Some(Health::Healthy));
        assert_eq!(health_filter("stale"), Some(Health::Degraded));
        assert_eq!(health_filter("crashed"), Some(Health::Unreachable));
        assert_eq!(health_filter("killed"), Some(Health::Killed));
        assert_eq!(health_filter("sleepy"), None);
    }
}
