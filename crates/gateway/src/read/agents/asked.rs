//! What is asked of the list.

use std::sync::Arc;

use axme_api::mesh::AgentListQuery;
use axme_core::address::Address;
use axme_core::health::Health;
use axme_core::hold::RunState;
use axme_core::id::WorkspaceId;
use axme_core::state::Agent;
use axme_engine::Caller;
use axme_engine::enforcer::Cell;

use crate::read::{ReadError, list_limit};

/// Longest text that is searched for, in characters.
const SEARCH_CHARACTERS_MAX: usize = 200;

/// See the module.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) workspace: WorkspaceId,
    /// The caller itself, when its key is an agent's.
    pub(super) only: Option<Arc<Cell>>,
    pub(super) limit: usize,
    pub(super) health: Filter<Health>,
    pub(super) run_state: Filter<RunState>,
    /// In lower case.
    search: Option<String>,
    pub(super) order: Order,
    pub(super) start: Start,
}

/// Which of its values something has to have.
#[derive(Clone, Copy, Debug)]
pub(super) enum Filter<T> {
    All,
    One(T),
    /// A word that nobody knows matches no agent.
    Nothing,
}

/// By what the rows stand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order {
    pub(super) by: SortBy,
    pub(super) reversed: bool,
}

/// What rows are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SortBy {
    Address,
    Trouble,
    Name,
    Health,
    LastHeartbeat,
    Instances,
    Intents,
    Cost,
}

/// Where the page begins.
#[derive(Clone, Debug)]
pub(super) enum Start {
    After(Address),
    Offset(usize),
}

impl Asked {
    pub(super) fn read(
        query: &AgentListQuery,
        workspace: WorkspaceId,
        caller: &Caller,
    ) -> Result<Self, ReadError> {
        let order = Order::read(query.sort.as_deref())?;
        let run_states = |word: &str| RunState::ALL.into_iter().find(|one| one.as_str() == word);
        Ok(Self {
            workspace,
            only: caller.agent().map(Arc::clone),
            limit: list_limit(query.limit)?,
            health: Filter::read(query.health.as_deref(), Health::parse),
            run_state: Filter::read(query.run_state.as_deref(), run_states),
            search: read_search(query.search.as_deref())?,
            order,
            start: Start::read(query, order)?,
        })
    }

    /// Where a page begins that can be read by address alone; none when every agent has to be
    /// looked at.
    pub(super) fn by_address(&self) -> Option<Option<&Address>> {
        if !self.order.is_plain() || self.search.is_some() {
            return None;
        }
        match &self.start {
            Start::After(address) => Some(Some(address)),
            Start::Offset(0) => Some(None),
            Start::Offset(_) => None,
        }
    }

    /// Whether the search, if there is one, finds an agent.
    pub(super) fn finds(&self, agent: &Agent) -> bool {
        let Some(wanted) = &self.search else { return true };
        [agent.display_name(), agent.address.as_str()]
            .into_iter()
            .any(|text| text.to_lowercase().contains(wanted))
    }

    /// Whether a page shows an agent of this standing.
    pub(super) fn wants(&self, health: Health, run_state: RunState) -> bool {
        self.health.lets(health) && self.run_state.lets(run_state)
    }
}

impl<T: PartialEq + Copy> Filter<T> {
    fn read(word: Option<&str>, parse: impl Fn(&str) -> Option<T>) -> Self {
        match word {
            None | Some("") => Self::All,
            Some(word) => parse(word).map_or(Self::Nothing, Self::One),
        }
    }

    fn lets(&self, value: T) -> bool {
        match self {
            Self::All => true,
            Self::One(wanted) => *wanted == value,
            Self::Nothing => false,
        }
    }
}

impl Order {
    fn read(word: Option<&str>) -> Result<Self, ReadError> {
        let word = word.unwrap_or_default();
        let (reversed, name) = match word.strip_prefix('-') {
            Some(name) => (true, name),
            None => (false, word),
        };
        let by = match name {
            "" if !reversed => SortBy::Address,
            "address" => SortBy::Address,
            "trouble" => SortBy::Trouble,
            "name" => SortBy::Name,
            "health" => SortBy::Health,
            "last_heartbeat" => SortBy::LastHeartbeat,
            "instances" => SortBy::Instances,
            "intents" => SortBy::Intents,
            "cost" => SortBy::Cost,
            _ => {
                let known = "address, trouble, name, health, last_heartbeat, instances, intents \
                             or cost, with - before it to turn it round";
                return Err(ReadError::query("sort", format!("must be {known}")));
            }
        };
        Ok(Self { by, reversed })
    }

    /// Whether rows stand by address: a row keeps its place, and a cursor names it.
    pub(super) fn is_plain(self) -> bool {
        self.by == SortBy::Address && !self.reversed
    }
}

impl Start {
    fn read(query: &AgentListQuery, order: Order) -> Result<Self, ReadError> {
        let offset = || usize::try_from(query.offset.unwrap_or(0)).unwrap_or(usize::MAX);
        let Some(cursor) = query.cursor.as_deref().filter(|cursor| !cursor.is_empty()) else {
            return Ok(Self::Offset(offset()));
        };
        if query.offset.is_some() {
            return Err(ReadError::query("offset", "name a cursor or an offset, not both"));
        }
        if order.is_plain() {
            let after = Address::parse_lenient(cursor).map_err(|problem| {
                ReadError::query("cursor", format!("take it from next_cursor: {problem}"))
            })?;
            return Ok(Self::After(after));
        }
        let rows = cursor.strip_prefix(OFFSET).and_then(|rows| rows.parse().ok());
        rows.map(Self::Offset)
            .ok_or_else(|| ReadError::query("cursor", "not a next_cursor of this order"))
    }
}

/// What stands before the number in the cursor of a list whose rows may change places.
const OFFSET: &str = "offset-";

/// The cursor of a page that begins after so many rows.
pub(super) fn offset_cursor(rows: usize) -> String {
    format!("{OFFSET}{rows}")
}

fn read_search(text: Option<&str>) -> Result<Option<String>, ReadError> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    if text.chars().count() > SEARCH_CHARACTERS_MAX {
        let problem = format!("must be at most {SEARCH_CHARACTERS_MAX} characters");
        return Err(ReadError::query("search", problem));
    }
    Ok(Some(text.to_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_may_be_turned_round_and_nonsense_is_none() {
        assert!(Order::read(None).unwrap().is_plain());
        assert!(Order::read(Some("")).unwrap().is_plain());
        let cost = Order::read(Some("-cost")).unwrap();
        assert_eq!((cost.by, cost.reversed), (SortBy::Cost, true));
        assert!(!Order::read(Some("-address")).unwrap().is_plain());
        for bad in ["-", "costs", "--cost", "Cost"] {
            assert!(Order::read(Some(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_cursor_belongs_to_its_order() {
        let plain = Order { by: SortBy::Address, reversed: false };
        let by_cost = Order { by: SortBy::Cost, reversed: true };
        let asked = |cursor: &str, offset: Option<u32>| AgentListQuery {
            cursor: Some(cursor.to_owned()),
            offset,
            ..AgentListQuery::default()
        };
        let next = offset_cursor(100);
        assert!(matches!(Start::read(&asked(&next, None), by_cost), Ok(Start::Offset(100))));
        assert!(Start::read(&asked(&next, None), plain).is_err());
        let address = "agent://default/default/mailer";
        assert!(matches!(Start::read(&asked(address, None), plain), Ok(Start::After(_))));
        assert!(Start::read(&asked(address, None), by_cost).is_err());
        assert!(Start::read(&asked(address, Some(3)), plain).is_err());
    }

    #[test]
    fn a_search_is_trimmed_and_bounded() {
        assert_eq!(read_search(Some("  ")).unwrap(), None);
        assert_eq!(read_search(Some(" MÄILER ")).unwrap().as_deref(), Some("mäiler"));
        let long = "ä".repeat(SEARCH_CHARACTERS_MAX);
        assert!(read_search(Some(&long)).is_ok());
        assert!(read_search(Some(&format!("{long}x"))).is_err());
    }
}
