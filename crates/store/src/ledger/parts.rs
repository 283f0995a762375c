//! Cutting up what is saved in one call and need not be kept together.

use crate::ledger::SignsOfLife;

/// Signs that one transaction keeps at most, so that it ends within 10 ms.
const SIGNS_MAX: usize = 512;

impl SignsOfLife {
    /// Parts of one transaction each. Each sign stands for itself, so that nothing is lost when
    /// only some are kept.
    pub(crate) fn parts(self) -> Vec<Self> {
        let Self { agents, keys } = self;
        let agents = agents
            .chunks(SIGNS_MAX)
            .map(|part| Self { agents: part.to_vec(), keys: Vec::new() })
            .collect::<Vec<_>>();
        let keys = keys
            .chunks(SIGNS_MAX)
            .map(|part| Self { agents: Vec::new(), keys: part.to_vec() })
            .collect::<Vec<_>>();
        agents.into_iter().chain(keys).collect()
    }
}
