//! One agent and whoever calls it.

use core::fmt;
use std::thread;

use tp_core_nostd::agent::{Agent, IdleStrategy};

use super::thread::{AgentThread, Placement, StartError};
use crate::idle::Idle;

/// What follows a duty cycle that failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// It was the last one.
    #[default]
    Stop,
    /// The next one, after a pause as after a cycle without work.
    Continue,
}

/// Why an agent works no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ended<E> {
    /// A duty cycle failed.
    #[error("{0}")]
    Failed(E),
    /// It was closed.
    #[error("the agent is closed")]
    Closed,
    /// It panicked on its thread, which says more.
    #[error("the agent panicked")]
    Panicked,
}

type Report<E> = Box<dyn FnMut(&E) + Send>;

/// Drives one agent. Dropping it closes the agent.
pub struct AgentRunner<A: Agent> {
    agent: A,
    idle: Idle,
    on_failure: OnFailure,
    report: Option<Report<A::Error>>,
    failures: u64,
    closed: bool,
}

impl<A: Agent> AgentRunner<A> {
    /// Ends with the first duty cycle that fails, and tells nobody but its caller.
    pub const fn new(agent: A, idle: Idle) -> Self {
        Self {
            agent,
            idle,
            on_failure: OnFailure::Stop,
            report: None,
            failures: 0,
            closed: false,
        }
    }

    /// What follows a duty cycle that failed.
    #[must_use]
    pub const fn with_on_failure(mut self, on_failure: OnFailure) -> Self {
        self.on_failure = on_failure;
        self
    }

    /// Called with each failure, on the thread that drives the agent.
    #[must_use]
    pub fn with_report(mut self, report: impl FnMut(&A::Error) + Send + 'static) -> Self {
        self.report = Some(Box::new(report));
        self
    }

    /// One duty cycle; how much it did. A failure that is gone on after counts as nothing done.
    ///
    /// # Errors
    /// [`Ended::Failed`] once, then [`Ended::Closed`].
    pub fn do_work(&mut self) -> Result<u32, Ended<A::Error>> {
        if self.closed {
            return Err(Ended::Closed);
        }
        let error = match self.agent.do_work() {
            Ok(work) => return Ok(work),
            Err(error) => error,
        };
        self.failures = self.failures.saturating_add(1);
        if let Some(report) = &mut self.report {
            report(&error);
        }
        match self.on_failure {
            OnFailure::Continue => Ok(0),
            OnFailure::Stop => {
                self.close();
                Err(Ended::Failed(error))
            }
        }
    }

    /// What the idle strategy does after a duty cycle that did `work_count`.
    pub fn idle(&mut self, work_count: u32) {
        self.idle.idle(work_count);
    }

    /// Duty cycles until `stop`, or until one ends the agent; then it is closed.
    ///
    /// # Errors
    /// [`Ended::Failed`], or [`Ended::Closed`] if it was closed before.
    pub fn run(&mut self, mut stop: impl FnMut() -> bool) -> Result<(), Ended<A::Error>> {
        while !stop() {
            let work = self.do_work()?;
            self.idle(work);
        }
        self.close();
        Ok(())
    }

    /// Ends the agent; a second time does nothing.
    pub fn close(&mut self) {
        if !core::mem::replace(&mut self.closed, true) {
            self.agent.on_close();
        }
    }

    /// Duty cycles that failed.
    pub const fn failures(&self) -> u64 {
        self.failures
    }

    /// The agent.
    pub const fn agent(&self) -> &A {
        &self.agent
    }
}

impl<A> AgentRunner<A>
where
    A: Agent<Error: Send> + Send + 'static,
{
    /// Moves it onto a thread of its own, which is where it is to run before this returns.
    ///
    /// # Errors
    /// No such thread can be had; the agent was closed.
    pub fn start(self, placement: &Placement) -> Result<AgentThread<A::Error>, StartError> {
        AgentThread::start(self, placement)
    }
}

impl<A: Agent> Drop for AgentRunner<A> {
    fn drop(&mut self) {
        // An agent that panicked is in no state to be closed.
        if !thread::panicking() {
            self.close();
        }
    }
}

impl<A: Agent + fmt::Debug> fmt::Debug for AgentRunner<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentRunner")
            .field("agent", &self.agent)
            .field("on_failure", &self.on_failure)
            .field("failures", &self.failures)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects, reason = "test arithmetic")]
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::idle::NoOpIdle;

    type Diary = Arc<Mutex<Vec<&'static str>>>;

    /// Fails in every second cycle, and notes when it is closed.
    struct Wobbly {
        cycles: u32,
        diary: Diary,
    }

    impl Agent for Wobbly {
        type Error = u32;

        fn do_work(&mut self) -> Result<u32, u32> {
            self.cycles += 1;
            match self.cycles % 2 {
                0 => Err(self.cycles),
                _ => Ok(7),
            }
        }

        fn on_close(&mut self) {
            self.diary.lock().unwrap().push("closed");
        }

        fn role_name(&self) -> &'static str {
            "wobbly"
        }
    }

    fn runner(on_failure: OnFailure) -> (AgentRunner<Wobbly>, Diary) {
        let diary = Diary::default();
        let told = diary.clone();
        let agent = Wobbly {
            cycles: 0,
            diary: diary.clone(),
        };
        let runner = AgentRunner::new(agent, Idle::NoOp(NoOpIdle))
            .with_on_failure(on_failure)
            .with_report(move |_| told.lock().unwrap().push("failed"));
        (runner, diary)
    }

    #[test] // req: C-141
    fn a_failure_is_reported_and_ends_the_agent_once() {
        let (mut runner, diary) = runner(OnFailure::Stop);
        assert_eq!(runner.do_work(), Ok(7));
        assert_eq!(runner.do_work(), Err(Ended::Failed(2)));
        assert_eq!(runner.do_work(), Err(Ended::Closed));
        runner.close();
        drop(runner);
        assert_eq!(*diary.lock().unwrap(), ["failed", "closed"]);
    }

    #[test] // req: C-141
    fn failures_that_are_gone_on_after_are_each_reported_and_counted_as_idle() {
        let (mut runner, diary) = runner(OnFailure::Continue);
        let work: Vec<_> = (0..4).map(|_| runner.do_work()).collect();
        assert_eq!(work, [Ok(7), Ok(0), Ok(7), Ok(0)]);
        assert_eq!((runner.failures(), runner.agent().cycles), (2, 4));
        assert_eq!(*diary.lock().unwrap(), ["failed", "failed"]);
        let mut cycles = 0;
        let stop = || {
            cycles += 1;
            cycles > 5
        };
        assert_eq!(runner.run(stop), Ok(()));
        assert_eq!(runner.do_work(), Err(Ended::Closed));
        assert_eq!(runner.failures(), 4);
    }

    #[test] // req: C-141
    fn what_is_dropped_is_closed() {
        let (runner, diary) = runner(OnFailure::Stop);
        drop(runner);
        assert_eq!(*diary.lock().unwrap(), ["closed"]);
    }
}
