//! A connection, driven by whoever waits for an answer: the driver's futures run on the caller's thread, in a runtime of the
//! connection's own, until the call is over. Nothing runs in between, and nothing of ours runs there.
//!
//! Statements whose answers nobody needs at once travel together with the next one ([`Ahead`]), so that all of them are one
//! journey to the server and back. It runs them in their order.

use std::{
    collections::VecDeque,
    future::{self, Future},
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Instant,
};

use futures_util::{SinkExt, TryStreamExt, future::maybe_done};
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{
    AsyncMessage, Client, Config, Error as Fault, Notification, Row, RowStream, SimpleQueryMessage, Socket,
    Statement as Prepared,
    tls::{MakeTlsConnect, TlsConnect},
    types::ToSql,
};

use super::{fault, value::Encoded};
use crate::{base::error::Result as Answer, storage::sql::Statement};

pub(super) struct Driver {
    /// None while it is closed.
    client: Option<Client>,
    line: Line,
}

/// What goes to the server before a call, in the same journey.
#[derive(Default)]
pub(super) struct Before<'b> {
    /// What begins the transaction.
    pub(super) opening: Option<&'b str>,
    pub(super) ahead: Vec<Ahead>,
    /// What the opening was answered.
    pub(super) opened: Vec<SimpleQueryMessage>,
}

/// A statement that goes ahead of what asks for an answer.
pub(super) struct Ahead {
    pub(super) statement: &'static Statement,
    pub(super) prepared: Prepared,
    pub(super) params: Vec<Encoded>,
}

/// Why a call failed.
pub(super) struct Failed {
    /// What failed of that which went ahead; none for the call itself.
    pub(super) ahead: Option<&'static Statement>,
    pub(super) fault: Fault,
}

impl From<Fault> for Failed {
    fn from(fault: Fault) -> Failed {
        Failed { ahead: None, fault }
    }
}

type Params<'p> = &'p [&'p (dyn ToSql + Sync)];

impl Driver {
    pub(super) fn connect<T>(
        config: &Config,
        tls: T,
        refused: impl FnOnce(Fault) -> crate::Error,
    ) -> Answer<Driver>
    where
        T: MakeTlsConnect<Socket>,
        T::Stream: Send + 'static,
        T::TlsConnect: TlsConnect<Socket, Stream = T::Stream>,
    {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(fault::unavailable)?;
        let (client, mut connection) = runtime.block_on(config.connect(tls)).map_err(refused)?;
        let messages = Box::new(move |context: &mut Context<'_>| connection.poll_message(context));
        let line = Line { runtime, messages: Some(messages), heard: VecDeque::new() };
        Ok(Driver { client: Some(client), line })
    }

    /// Whether it is known to be lost.
    pub(super) fn is_closed(&self) -> bool {
        self.client.as_ref().is_none_or(Client::is_closed)
    }

    /// Runs SQL of any number of statements. What goes before it may have failed when it reaches the server: its first
    /// statement must be one that a failed transaction refuses.
    pub(super) fn batch_execute(&mut self, before: &mut Before<'_>, sql: &str) -> Result<(), Failed> {
        let (client, line) = self.parts();
        line.wait(after(client, before, client.batch_execute(sql)))
    }

    pub(super) fn simple_query(&mut self, sql: &str) -> Result<Vec<SimpleQueryMessage>, Fault> {
        let (client, line) = self.parts();
        line.wait(client.simple_query(sql))
    }

    pub(super) fn prepare(&mut self, sql: &str) -> Result<Prepared, Fault> {
        let (client, line) = self.parts();
        line.wait(client.prepare(sql))
    }

    /// Runs what went ahead.
    pub(super) fn settle(&mut self, before: &mut Before<'_>) -> Result<(), Failed> {
        let (client, line) = self.parts();
        line.wait(after(client, before, future::ready(Ok(()))))
    }

    /// How many rows a statement touched that gives none.
    pub(super) fn execute(
        &mut self,
        before: &mut Before<'_>,
        prepared: &Prepared,
        params: Params<'_>,
    ) -> Result<u64, Failed> {
        let (client, line) = self.parts();
        line.wait(after(client, before, client.execute_raw(prepared, params.iter().copied())))
    }

    pub(super) fn query(
        &mut self,
        before: &mut Before<'_>,
        prepared: &Prepared,
        params: Params<'_>,
    ) -> Result<Rows<'_>, Failed> {
        let (client, line) = self.parts();
        let rows = line.wait(after(client, before, client.query_raw(prepared, params.iter().copied())))?;
        Ok(Rows { rows: Box::pin(rows), line })
    }

    /// The same for SQL that is prepared for this once.
    pub(super) fn query_once(&mut self, sql: &str, params: Params<'_>) -> Result<Rows<'_>, Fault> {
        let (client, line) = self.parts();
        let rows = line.wait(client.query_raw(sql, params.iter().copied()))?;
        Ok(Rows { rows: Box::pin(rows), line })
    }

    /// Runs a COPY that is fed with this text.
    pub(super) fn copy_in(&mut self, sql: &str, text: Vec<u8>) -> Result<(), Fault> {
        let (client, line) = self.parts();
        line.wait(async {
            let mut copy = pin!(client.copy_in(sql).await?);
            copy.send(std::io::Cursor::new(text)).await?;
            copy.finish().await.map(drop)
        })
    }

    /// What another connection tells this one; none when there is nothing until then, or the connection is lost.
    pub(super) fn notified(&mut self, until: Instant) -> Result<Option<Notification>, Fault> {
        let mut late = pin!(async { tokio::time::sleep_until(until.into()).await });
        self.line.drive(|context, heard, is_over| match heard.pop_front() {
            Some(heard) => Poll::Ready(Ok(Some(heard))),
            None if is_over => Poll::Ready(Ok(None)),
            None => late.as_mut().poll(context).map(|()| Ok(None)),
        })
    }

    #[expect(clippy::expect_used, reason = "the client is there until the drop")]
    fn parts(&mut self) -> (&Client, &mut Line) {
        (self.client.as_ref().expect("it is taken by the drop only"), &mut self.line)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Without it the connection says farewell, and ends; if it cannot, it is lost.
        self.client = None;
        let ended = |is_over| if is_over { Poll::Ready(Ok(())) } else { Poll::Pending };
        let _: Result<(), Fault> = self.line.drive(|_, _, is_over| ended(is_over));
    }
}

/// Rows that are still arriving.
pub(super) struct Rows<'d> {
    rows: Pin<Box<RowStream>>,
    line: &'d mut Line,
}

impl Rows<'_> {
    pub(super) fn next(&mut self) -> Result<Option<Row>, Fault> {
        self.line.wait(self.rows.try_next())
    }
}

/// What passes messages between the driver's futures and the server.
type Messages = Box<dyn FnMut(&mut Context<'_>) -> Poll<Option<Result<AsyncMessage, Fault>>> + Send>;

struct Line {
    runtime: Runtime,
    /// None when the connection has ended.
    messages: Option<Messages>,
    heard: VecDeque<Notification>,
}

impl Line {
    /// Waits for a future of the client's.
    fn wait<T, E: From<Fault>>(&mut self, call: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let mut call = pin!(call);
        self.drive(|context, _, _| call.as_mut().poll(context))
    }

    /// Passes messages on until `poll` is done, which is also given what was heard, and whether the connection has ended.
    fn drive<T, E: From<Fault>>(
        &mut self,
        mut poll: impl FnMut(&mut Context<'_>, &mut VecDeque<Notification>, bool) -> Poll<Result<T, E>>,
    ) -> Result<T, E> {
        let Line { runtime, messages, heard } = self;
        runtime.block_on(future::poll_fn(|context| {
            while let Some(message) = messages.as_mut().map(|messages| messages(context)) {
                match message {
                    Poll::Pending => break,
                    Poll::Ready(Some(Ok(AsyncMessage::Notification(told)))) => heard.push_back(told),
                    Poll::Ready(Some(Ok(_))) => {}
                    // What ended is not asked again, and with it goes what others would wait for.
                    Poll::Ready(Some(Err(fault))) => {
                        *messages = None;
                        return Poll::Ready(Err(fault.into()));
                    }
                    Poll::Ready(None) => *messages = None,
                }
            }
            poll(context, heard, messages.is_none())
        }))
    }
}

/// Sends all of it before it waits for the first answer, and takes the answers in their order.
async fn after<T>(
    client: &Client,
    before: &mut Before<'_>,
    call: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Failed> {
    let Before { opening, ahead, opened } = before;
    if opening.is_none() && ahead.is_empty() {
        return Ok(call.await?);
    }
    let mut opening = pin!(maybe_done(async {
        match opening {
            Some(sql) => client.simple_query(sql).await,
            None => Ok(Vec::new()),
        }
    }));
    let sent = ahead.iter().map(|one| Box::pin(maybe_done(client.execute_raw(&one.prepared, &one.params))));
    let mut sent: Vec<_> = sent.collect();
    let mut call = pin!(call);
    // The first look at each sends it. What cannot be sent must not be passed over: a COMMIT may follow.
    let early = future::poll_fn(|context| {
        let _ = opening.as_mut().poll(context);
        let is_open = opening.as_mut().output_mut().is_none_or(|opened| opened.is_ok());
        let are_sent = is_open && sent.iter_mut().all(|one| one.as_mut().poll(context).is_pending());
        Poll::Ready(are_sent.then(|| call.as_mut().poll(context)))
    })
    .await;
    opening.as_mut().await;
    if let Some(answer) = opening.as_mut().take_output() {
        *opened = answer?;
    }
    for (mut one, ahead) in sent.into_iter().zip(ahead.iter()) {
        one.as_mut().await;
        if let Some(Err(fault)) = one.as_mut().take_output() {
            return Err(Failed { ahead: Some(ahead.statement), fault });
        }
    }
    match early {
        Some(Poll::Ready(done)) => Ok(done?),
        _ => Ok(call.await?),
    }
}
