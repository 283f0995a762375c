//! How far the gateway has checked the chains of its own audit.

use axme_api::audit::{AuditFault, VerifiedAnswer, VerifiedChain, VerifiedObservations};
use axme_engine::Engine;
use axme_engine::verifier;
use axme_store::ledger::ChainId;

use super::cursor::chain_name;
use crate::read::ReadError;

/// Faults that are told.
const FAULTS_TOLD_MAX: usize = 10;

/// Checks a piece more, and tells how far all of it is checked. Positions tell nothing about
/// anybody: every key that may read the audit sees them.
pub(crate) async fn verified(engine: &Engine) -> Result<VerifiedAnswer, ReadError> {
    let verified = engine.verifier.step(&*engine.ledger, engine.clock.wall()).await?;
    let chains = &verified.chains;
    let (control, seen): (Vec<_>, Vec<_>) =
        chains.iter().partition(|chain| chain.chain == ChainId::Control);
    let control = control.first();
    let fault = |chain: &verifier::VerifiedChain| {
        let problem = chain.fault.clone()?;
        Some(AuditFault { chain: chain_name(chain.chain), after: chain.verified_to, problem })
    };
    Ok(VerifiedAnswer {
        ok: true,
        control: VerifiedChain {
            verified_to: control.map_or(0, |chain| chain.verified_to),
            head: control.map_or(0, |chain| chain.head),
        },
        observations: VerifiedObservations {
            chains: seen.len() as u64,
            verified_chains: seen.iter().filter(|chain| chain.is_complete()).count() as u64,
            verified_entries: seen.iter().map(|chain| chain.verified_to.min(chain.head)).sum(),
            entries: seen.iter().map(|chain| chain.head).sum(),
        },
        complete: chains.iter().all(verifier::VerifiedChain::is_complete),
        faults: chains.iter().filter_map(fault).take(FAULTS_TOLD_MAX).collect(),
        begun_at: verified.begun_at.to_string(),
        at: verified.at.to_string(),
    })
}
