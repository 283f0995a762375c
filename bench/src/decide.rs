//! Deciding with a million agents: how long a question takes, and what an agent weighs.
//!
//! A question is what a request asks on its way: find the receiver by its address, register the
//! work at both ends, check, and take the permit back. Hot means the same two agents again and
//! again; at random means any two of the million, which is what a cold cache costs. Both are
//! processor time of the asking thread, in the quickest of some rounds: what else runs here only
//! adds to it.

use std::hint::black_box;
use std::sync::Arc;

use std::time::Duration;

use anyhow::Context as _;
use axme_core::decide::Action;
use axme_core::time::Mono;
use axme_engine::clock::Clock;
use axme_engine::enforcer::{Cell, Enforcer, KeyCell};

use crate::allocator::bytes_of;
use crate::processor_time;
use crate::results::Results;
use crate::tenancy::Tenancy;

const AGENTS_COUNT: usize = 1_000_000;
const QUESTIONS_COUNT: usize = 1_000_000;
const ROUNDS_COUNT: usize = 10;
const HOT_NS_MAX: f64 = 100.0;
const AGENT_BYTES_MAX: f64 = 600.0;

pub fn measure(results: &mut Results) -> anyhow::Result<()> {
    let (mut tenancy, state_bytes) = bytes_of(|| {
        let mut tenancy = Tenancy::new();
        tenancy.add_agents(AGENTS_COUNT);
        tenancy
    });
    let strings_bytes = tenancy.strings_bytes;
    let digest = tenancy.add_key(7);
    let enforcer = Enforcer::new(Clock::system());
    enforcer.set_fresh_until(Mono::FOREVER);
    let ((), cells_bytes) = bytes_of(|| enforcer.project_all(&tenancy.state));
    let key = enforcer.key(&digest).context("the key is projected")?;
    let each = |bytes: i64| bytes as f64 / AGENTS_COUNT as f64;
    let strings_bytes = i64::try_from(strings_bytes)?;
    let weight = each(state_bytes + cells_bytes - strings_bytes);

    let pairs = Pairs { enforcer: &enforcer, key: &key, tenancy: &tenancy };
    let (hot, random) = (pairs.hot()?, pairs.at_random()?);
    results.at_most("permit between two agents of a million, hot", hot, HOT_NS_MAX, "ns");
    results.note("permit between any two of a million agents", format!("{random:.0} ns"));
    results.at_most("memory of an agent beyond its strings", weight, AGENT_BYTES_MAX, "bytes");
    let (state, cell) = (each(state_bytes - strings_bytes), each(cells_bytes));
    results.note("of it control state and cell", format!("{state:.0} and {cell:.0} bytes"));
    Ok(())
}

struct Pairs<'a> {
    enforcer: &'a Arc<Enforcer>,
    key: &'a Arc<KeyCell>,
    tenancy: &'a Tenancy,
}

impl Pairs<'_> {
    fn hot(&self) -> anyhow::Result<f64> {
        let sender = self.key.agent.clone().context("the key is an agent's")?;
        let receiver = Tenancy::address(AGENTS_COUNT / 2);
        let round = || {
            let began = processor_time::of_thread();
            for _ in 0..QUESTIONS_COUNT {
                self.ask(&sender, black_box(&receiver));
            }
            each_ns(began)
        };
        Ok((0..ROUNDS_COUNT).map(|_| round()).fold(f64::INFINITY, f64::min))
    }

    fn at_random(&self) -> anyhow::Result<f64> {
        let mut senders: Vec<Arc<Cell>> = Vec::with_capacity(AGENTS_COUNT);
        self.enforcer.each_cell(|cell| senders.push(Arc::clone(cell)));
        let receivers: Vec<_> = (0..AGENTS_COUNT).map(Tenancy::address).collect();
        let mut chance = XorShift(0x9e37_79b9_7f4a_7c15);
        let mut round = || {
            let began = processor_time::of_thread();
            for _ in 0..QUESTIONS_COUNT {
                let (sender, receiver) = (chance.below(senders.len()), chance.below(AGENTS_COUNT));
                self.ask(&senders[sender], &receivers[receiver]);
            }
            each_ns(began)
        };
        Ok((0..ROUNDS_COUNT).map(|_| round()).fold(f64::INFINITY, f64::min))
    }

    fn ask(&self, sender: &Arc<Cell>, receiver: &axme_core::address::Address) {
        let receiver = self.enforcer.cell(self.tenancy.workspace, receiver);
        let receiver = receiver.expect("every address has a cell");
        let permit = self.enforcer.permit(self.key, Action::Send, sender, &receiver);
        drop(black_box(permit.expect("everybody runs")));
    }
}

fn each_ns(began: Duration) -> f64 {
    (processor_time::of_thread() - began).as_nanos() as f64 / QUESTIONS_COUNT as f64
}

/// Quick chance: drawing must not weigh on what is measured.
struct XorShift(u64);

impl XorShift {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}
