//! Cutting up what is saved in one call and need not be kept together.

use crate::ledger::SignsOfLife;

/// Signs that one transaction keeps at most, so that it ends within 10 ms.
const SIGNS_MAX: usize = 512;

impl SignsOfLife {
    /// Parts of one transaction each. Each sign stands for itself, so that nothing is lost when
    /// only some are kept.
    pub(crate) fn parts(self) -> Vec<Self> {
        let Self { agents, keys, sessions } = self;
        let agents = agents.chunks(SIGNS_MAX);
        let agents = agents.map(|part| Self { agents: part.to_vec(), ..Self::default() });
        let keys = keys.chunks(SIGNS_MAX);
        let keys = keys.map(|part| Self { keys: part.to_vec(), ..Self::default() });
        let sessions = sessions.chunks(SIGNS_MAX);
        let sessions = sessions.map(|part| Self { sessions: part.to_vec(), ..Self::default() });
        agents.chain(keys).chain(sessions).collect()
    }
}
