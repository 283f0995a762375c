//! Egress: sockets of agents through a replica, checked again before every write.

use std::time::Duration;

use axme_core::decide::Action;
use axme_core::id::Revision;

use super::bugs::Bug;
use super::events::Timer;
use super::world::World;

/// Sockets of one replica at most.
const SOCKETS_MAX: usize = 6;
/// Bytes of one write.
const WRITE_BYTES: u64 = 100;

#[derive(Debug)]
pub(crate) struct Socket {
    pub(crate) agent: usize,
    /// The revision that it was permitted on.
    pub(crate) opened_at: Revision,
    pub(crate) open: bool,
    /// Checked, and about to write.
    writing: bool,
}

impl World {
    /// An agent opens a connection through this replica.
    pub(crate) fn open_socket(&mut self, slot: usize, agent: usize) {
        let process = self.process(slot);
        process.sockets.retain(|_, socket| socket.open || socket.writing);
        if process.sockets.len() >= SOCKETS_MAX {
            return;
        }
        process.cells[agent].word.register();
        if self.lets(slot, Action::OpenStream, agent, agent) {
            self.tags += 1;
            let socket = self.tags;
            let process = self.process(slot);
            let opened_at = process.applied();
            process.sockets.insert(socket, Socket { agent, opened_at, open: true, writing: false });
            self.check_later(slot, socket);
        }
        self.leave(slot, agent);
    }

    fn check_later(&mut self, slot: usize, socket: u64) {
        let pause = self.dice.between(20, 60);
        self.set_timer(slot, Duration::from_millis(pause), Timer::CheckSocket { socket });
    }

    /// The last check before a write: registered first, and until the write is done.
    pub(crate) fn check_socket(&mut self, slot: usize, socket: u64) {
        let late = self.has(Bug::RegisterAfterCheck);
        let Some(found) = self.process(slot).sockets.get(&socket) else { return };
        let agent = found.agent;
        if !found.open {
            self.process(slot).sockets.remove(&socket);
            return;
        }
        if !late {
            self.process(slot).cells[agent].word.register();
        }
        if self.lets(slot, Action::OpenStream, agent, agent) {
            self.checked(slot, &[agent]);
            self.process(slot).sockets.entry(socket).and_modify(|socket| socket.writing = true);
            let gap = self.dice.below(300);
            self.set_timer(slot, Duration::from_micros(gap), Timer::WriteSocket { socket });
        } else {
            if !late {
                self.leave(slot, agent);
            }
            self.process(slot).sockets.remove(&socket);
        }
    }

    pub(crate) fn write_socket(&mut self, slot: usize, socket: u64) {
        let late = self.has(Bug::RegisterAfterCheck);
        let process = self.process(slot);
        let life = process.life;
        let Some(found) = process.sockets.get_mut(&socket) else { return };
        found.writing = false;
        let (agent, open) = (found.agent, found.open);
        if open {
            process.bytes[agent] += WRITE_BYTES;
            self.oracle.received(life, agent, WRITE_BYTES);
            self.check_later(slot, socket);
        } else {
            process.sockets.remove(&socket);
        }
        if !late {
            self.leave(slot, agent);
        }
    }

    /// Ends an agent's sockets, waiting for no peer.
    pub(crate) fn close_sockets(&mut self, slot: usize, agent: usize) {
        let sockets = self.process(slot).sockets.values_mut();
        sockets.filter(|socket| socket.agent == agent).for_each(|socket| socket.open = false);
    }

    /// A last check has let something of these agents through.
    pub(crate) fn checked(&mut self, slot: usize, agents: &[usize]) {
        let excused = self.woke_lately(slot);
        self.oracle.checked(agents, excused);
        self.trace(|| format!("replica {slot} lets something of {agents:?} through"));
    }

    fn leave(&mut self, slot: usize, agent: usize) {
        self.process(slot).cells[agent].word.leave();
        if !self.process(slot).draining.is_empty() {
            self.settle(slot);
        }
    }
}
