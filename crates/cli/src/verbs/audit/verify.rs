//! `axme audit verify`: compute every hash again, here, and compare.

use crate::audit_chain::{Expected, Verifier};
use crate::client::{self, Client};
use crate::context::Context;
use crate::failure::Failure;
use axme_api::audit::{ChainAnswer, ChainQuery};
use serde_json::json;

/// Entries asked for at a time; the most that a gateway gives.
const PAGE_COUNT: u32 = 1_000;
/// The chain that every gateway has; its answer names the others.
const CONTROL: &str = "control";

/// Compute every hash of the audit again, here, and compare.
///
/// A gateway that rewrites its whole audit can only be found by someone who remembers a hash:
/// keep the heads that this prints, and give them back with --expect.
#[derive(Debug, clap::Args)]
pub(crate) struct Verify {
    /// A hash printed before; repeatable. The chain is `control` when left out
    #[arg(long, value_name = "[CHAIN:]POSITION:HASH")]
    expect: Vec<Expected>,
}

struct Verified {
    chain: String,
    verifier: Verifier,
}

impl Verify {
    pub(crate) fn run(self, context: &mut Context<'_>) -> Result<(), Failure> {
        let client = context.client()?;
        let (control, mut chains) = self.chain(&client, CONTROL)?;
        let mut verified = vec![control];
        chains.retain(|chain| chain != CONTROL);
        for expected in &self.expect {
            if expected.chain != CONTROL && !chains.contains(&expected.chain) {
                return Err(Failure::Failed {
                    what: format!("{expected} is remembered, but the gateway has no such chain."),
                    next: WHEN_BROKEN.to_owned(),
                });
            }
        }
        for chain in chains {
            verified.push(self.chain(&client, &chain)?.0);
        }
        let answer =
            json!({"ok": true, "chains": verified.iter().map(to_json).collect::<Vec<_>>()});
        context.output.answer(&answer, |output| {
            for chain in &verified {
                output.line(sentence(chain))?;
            }
            output.line("To notice a later rewrite, keep this line:")?;
            output.line(format_args!("  axme audit verify{}", to_remember(&verified)))
        })
    }

    /// Verifies one chain; answers the ids of all chains too.
    fn chain(&self, client: &Client, chain: &str) -> Result<(Verified, Vec<String>), Failure> {
        let expected = self.expect.iter().filter(|expected| expected.chain == chain);
        let mut verifier = Verifier::new(expected.cloned().collect());
        loop {
            let query = ChainQuery {
                chain: Some(chain.to_owned()),
                after: Some(verifier.position()),
                limit: Some(PAGE_COUNT),
            };
            let answer = client.get("/v1/audit/chain", &query)?;
            let page = client::read::<ChainAnswer>(&answer)?;
            let ended = verifier
                .page(&page.entries, &page.head)
                .and_then(|ended| if ended { verifier.finish().map(|()| true) } else { Ok(false) });
            match ended {
                Ok(true) => {
                    let verified = Verified { chain: chain.to_owned(), verifier };
                    return Ok((verified, page.chains));
                }
                Ok(false) => {}
                Err(broken) => {
                    return Err(Failure::Failed {
                        what: format!(
                            "{chain}: position {} does not hold: {}. Verified up to {}.",
                            broken.position,
                            broken.why,
                            broken.position.saturating_sub(1)
                        ),
                        next: WHEN_BROKEN.to_owned(),
                    });
                }
            }
        }
    }
}

const WHEN_BROKEN: &str = "Someone changed the store, or it was restored from a backup. Copy the \
                           gateway's data folder before anything else, and compare it with backups.";

fn sentence(verified: &Verified) -> String {
    let (chain, verifier) = (&verified.chain, &verified.verifier);
    let (position, hash) = (verifier.position(), verifier.hash());
    if position == 0 {
        return format!("{chain}: no entries yet");
    }
    let entries = if position == 1 { "1 entry".to_owned() } else { format!("{position} entries") };
    let hidden = match verifier.entries_without_body() {
        0 => String::new(),
        hidden => format!(" ({hidden} of others, verified by their hashes alone)"),
    };
    format!("{chain}: verified {entries} up to position {position}, head {hash}{hidden}")
}

fn to_remember(verified: &[Verified]) -> String {
    let heads = verified.iter().filter(|chain| chain.verifier.position() > 0);
    let heads = heads.map(|Verified { chain, verifier }| {
        format!(" --expect {chain}:{}:{}", verifier.position(), verifier.hash())
    });
    heads.collect()
}

fn to_json(verified: &Verified) -> serde_json::Value {
    json!({
        "chain": verified.chain,
        "entries": verified.verifier.position(),
        "entries_without_body": verified.verifier.entries_without_body(),
        "position": verified.verifier.position(),
        "head": verified.verifier.hash().to_string(),
    })
}
