//! One write, from the caller that waits for it to the answer after its commit.

use tokio::sync::oneshot;

use crate::error::StoreError;
use crate::sqlite::batch::Batch;
use crate::sqlite::failure::{self, Failure};
use crate::sqlite::queue::BATCH_ITEMS_MAX;

/// What a write takes of a batch.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Size {
    pub(super) items: usize,
    pub(super) bytes: usize,
}

impl Size {
    /// One row or a few, of this many bytes.
    pub(super) const fn of(bytes: usize) -> Self {
        Self { items: 1, bytes }
    }

    /// So many rows that nothing else goes into the same batch.
    pub(super) const SLICE: Self = Self { items: BATCH_ITEMS_MAX, bytes: 0 };
}

/// A write that waits in a queue.
pub(super) trait Job: Send {
    fn size(&self) -> Size;

    /// Whether it needs a savepoint: it writes more than one row, and may fail after the first.
    fn needs_savepoint(&self) -> bool;

    /// Writes within the open transaction and keeps the answer. An error is about the connection
    /// and ends the batch; whether anything was written is said otherwise.
    fn write(&mut self, batch: &mut Batch<'_>) -> Result<Written, rusqlite::Error>;

    /// Gives the caller its answer, once the outcome of the commit is known.
    fn settle(self: Box<Self>, outcome: &Result<(), StoreError>);
}

/// Whether an item's statements stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    Kept,
    /// Refused: what it wrote goes.
    Undo,
}

/// A job made of a closure, and the end at which its caller waits.
pub(super) fn job<T, E, W>(size: Size, write: W) -> (Box<dyn Job>, oneshot::Receiver<Result<T, E>>)
where
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
    W: FnOnce(&mut Batch<'_>) -> Result<T, Failure<E>> + Send + 'static,
{
    boxed(size, true, write)
}

/// As [`job`], for a write that is refused only before its first statement.
pub(super) fn plain_job<T, E, W>(
    size: Size,
    write: W,
) -> (Box<dyn Job>, oneshot::Receiver<Result<T, E>>)
where
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
    W: FnOnce(&mut Batch<'_>) -> Result<T, Failure<E>> + Send + 'static,
{
    boxed(size, false, write)
}

fn boxed<T, E, W>(
    size: Size,
    savepoint: bool,
    write: W,
) -> (Box<dyn Job>, oneshot::Receiver<Result<T, E>>)
where
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
    W: FnOnce(&mut Batch<'_>) -> Result<T, Failure<E>> + Send + 'static,
{
    let (reply, answer) = oneshot::channel();
    (Box::new(Closure { size, savepoint, write: Some(write), result: None, reply }), answer)
}

struct Closure<W, T, E> {
    size: Size,
    savepoint: bool,
    write: Option<W>,
    result: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<T, E, W> Job for Closure<W, T, E>
where
    T: Send,
    E: From<StoreError> + Send,
    W: FnOnce(&mut Batch<'_>) -> Result<T, Failure<E>> + Send,
{
    fn size(&self) -> Size {
        self.size
    }

    fn needs_savepoint(&self) -> bool {
        self.savepoint
    }

    fn write(&mut self, batch: &mut Batch<'_>) -> Result<Written, rusqlite::Error> {
        let Some(write) = self.write.take() else { return Ok(Written::Undo) };
        let refused = match write(batch) {
            Ok(done) => {
                self.result = Some(Ok(done));
                return Ok(Written::Kept);
            }
            Err(Failure::Refused(refused)) => refused,
            Err(Failure::Database(error)) if failure::is_about_item(&error) => {
                tracing::warn!(%error, "a write was refused by the database");
                E::from(failure::of_item(&error))
            }
            Err(Failure::Database(error)) => return Err(error),
        };
        self.result = Some(Err(refused));
        Ok(Written::Undo)
    }

    fn settle(self: Box<Self>, outcome: &Result<(), StoreError>) {
        let answer = match (self.result, outcome) {
            // What was refused stays so, whatever became of the others.
            (Some(Err(refused)), _) => Err(refused),
            (_, Err(lost)) => Err(E::from(lost.clone())),
            (Some(Ok(done)), Ok(())) => Ok(done),
            (None, Ok(())) => {
                Err(E::from(StoreError::Unavailable("the write was not begun".to_owned())))
            }
        };
        // A caller that has gone does not want its answer any more.
        drop(self.reply.send(answer));
    }
}
