//! What people type for agents: short names, addresses, ids, and patterns such as `email-*`.

use crate::failure::Failure;
use axme_api::mesh::MeshAgent;

/// Whether the text is a pattern; neither sign can stand in an address.
pub(crate) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?'])
}

/// The last part of an address, which names the agent inside its workspace.
pub(crate) fn short_name(address: &str) -> &str {
    address.rsplit('/').next().unwrap_or(address)
}

/// What to send for the names that were typed, in their order and each once.
///
/// A name that is no pattern is sent as it was typed: the gateway resolves it, which saves a kill
/// the time of a listing. `list` is called only when there is a pattern, and once.
///
/// # Errors
/// A pattern that matches no agent.
pub(crate) fn resolve(
    typed: &[String],
    list: impl FnOnce() -> Result<Vec<MeshAgent>, Failure>,
) -> Result<Vec<String>, Failure> {
    let mut targets: Vec<String> = Vec::new();
    let agents = if typed.iter().any(|name| is_pattern(name)) { list()? } else { Vec::new() };
    for name in typed {
        let found =
            if is_pattern(name) { select(name, &agents, typed)? } else { vec![name.clone()] };
        for target in found {
            if !targets.contains(&target) {
                targets.push(target);
            }
        }
    }
    Ok(targets)
}

/// The addresses that match a pattern, without those that were typed beside it.
fn select(pattern: &str, agents: &[MeshAgent], typed: &[String]) -> Result<Vec<String>, Failure> {
    let matching: Vec<&MeshAgent> =
        agents.iter().filter(|agent| agent_matches(pattern, &agent.address)).collect();
    if matching.is_empty() {
        return Err(Failure::Failed {
            what: format!("No agent matches `{pattern}`."),
            next: "`axme ps` lists the agents that your key sees.".to_owned(),
        });
    }
    let was_typed = |agent: &MeshAgent| {
        let names = [agent.address.as_str(), &agent.address_id, short_name(&agent.address)];
        typed.iter().any(|name| names.contains(&name.as_str()))
    };
    let rest = matching.into_iter().filter(|agent| !was_typed(agent));
    Ok(rest.map(|agent| agent.address.clone()).collect())
}

/// A pattern with a slash is held against the whole address, else against the short name.
fn agent_matches(pattern: &str, address: &str) -> bool {
    let text = if pattern.contains('/') { address } else { short_name(address) };
    matches(pattern.as_bytes(), text.as_bytes())
}

/// `*` stands for any text, `?` for one character. Addresses are ASCII.
///
/// Walks both once and, on a mismatch, lets the last `*` swallow one character more: no pattern
/// can make it slow.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut last_star: Option<(usize, usize)> = None;
    while let Some(&character) = text.get(t) {
        match pattern.get(p) {
            Some(b'*') => {
                last_star = Some((p, t));
                p += 1;
            }
            Some(&expected) if expected == b'?' || expected == character => {
                p += 1;
                t += 1;
            }
            Some(_) | None => match last_star {
                Some((star, swallowed)) => {
                    last_star = Some((star, swallowed + 1));
                    p = star + 1;
                    t = swallowed + 1;
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(p).all(|rest| *rest == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn agent(name: &str) -> MeshAgent {
        serde_json::from_value(json!({
            "address_id": format!("addr_{name}"), "address": format!("agent://org/prod/{name}"),
            "display_name": name, "health_status": "healthy", "last_heartbeat_at": null,
            "created_at": "", "intents_period": 0, "cost_period": 0.0, "metadata": null,
        }))
        .unwrap()
    }

    fn resolved(typed: &[&str]) -> Result<Vec<String>, Failure> {
        let typed: Vec<String> = typed.iter().map(|name| (*name).to_owned()).collect();
        resolve(&typed, || Ok(["email-a", "email-b", "mailer"].map(agent).to_vec()))
    }

    #[test]
    fn exact_names_go_out_without_a_listing() {
        let typed = ["mailer".to_owned(), "addr_1".to_owned(), "mailer".to_owned()];
        let targets = resolve(&typed, || panic!("listed for nothing")).unwrap();
        assert_eq!(targets, ["mailer", "addr_1"]);
    }

    #[test]
    fn patterns_become_addresses() {
        let both = ["agent://org/prod/email-a", "agent://org/prod/email-b"];
        assert_eq!(resolved(&["email-*"]).unwrap(), both);
        assert_eq!(resolved(&["email-?"]).unwrap(), both);
        assert_eq!(resolved(&["agent://org/*/email-*"]).unwrap(), both);
        assert_eq!(resolved(&["*"]).unwrap().len(), 3);
    }

    #[test]
    fn an_agent_named_and_matched_is_one_target() {
        let targets = resolved(&["email-b", "email-*"]).unwrap();
        assert_eq!(targets, ["email-b", "agent://org/prod/email-a"]);
        assert_eq!(resolved(&["email-*", "*-a"]).unwrap().len(), 2);
    }

    #[test]
    fn a_pattern_without_a_match_stops_everything() {
        let text = resolved(&["mailer", "emial-*"]).unwrap_err().to_string();
        assert!(text.contains("No agent matches `emial-*`"), "{text}");
    }

    #[test]
    fn patterns_match_like_a_shell() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("*", "", true),
            ("?", "", false),
            ("a*c", "abbc", true),
            ("a*c", "abbcd", false),
            ("*b*b*", "abcb", true),
            ("*ab", "aab", true),
            ("a?c*", "abc", true),
            ("abc", "ab", false),
        ] {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
        }
        let (pattern, text) = ("*a".repeat(2_000), "a".repeat(20_000) + "b");
        assert!(!matches(pattern.as_bytes(), text.as_bytes()));
    }
}
