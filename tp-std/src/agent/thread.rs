//! An agent on a thread of its own.

use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

use tp_core_nostd::agent::Agent;
use tp_linux_hugepages::realtime::pin_thread;

use super::runner::{AgentRunner, Ended};

/// What a thread is called, and where it runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placement {
    /// Its name, of which the system shows the first 15 bytes; that of the agent where it is empty.
    pub name: String,
    /// The processors it may run on, by number; all of them where none is named.
    pub processors: Vec<usize>,
}

/// Why an agent has no thread.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// The system gave none.
    #[error("no thread can be started: {0}")]
    Thread(String),
    /// It cannot run where it is to.
    #[error("the thread cannot be pinned to processors {processors:?}: {error}")]
    Affinity {
        /// The processors that were asked for.
        processors: Vec<usize>,
        /// What the system says.
        error: String,
    },
}

/// A running agent. Dropping it stops the agent and waits for the end of its duty cycle.
#[derive(Debug)]
pub struct AgentThread<E> {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<(), Ended<E>>>>,
}

impl<E: Send + 'static> AgentThread<E> {
    pub(super) fn start<A>(
        mut runner: AgentRunner<A>,
        placement: &Placement,
    ) -> Result<Self, StartError>
    where
        A: Agent<Error = E> + Send + 'static,
    {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let processors = placement.processors.clone();
        let (placed, is_placed) = mpsc::sync_channel(1);
        let name = match placement.name.as_str() {
            "" => runner.agent().role_name().to_owned(),
            name => name.to_owned(),
        };
        let run = move || {
            let place = pin(processors);
            let is_there = place.is_ok();
            // Whoever starts the thread waits for this.
            let _ = placed.send(place);
            match is_there {
                true => runner.run(|| stopped.load(Ordering::Relaxed)),
                false => Err(Ended::Closed),
            }
        };
        let thread = thread::Builder::new()
            .name(name)
            .spawn(run)
            .map_err(|error| StartError::Thread(error.to_string()))?;
        match is_placed.recv() {
            Ok(place) => place?,
            Err(_) => return Err(StartError::Thread("it ended at once".to_owned())),
        }
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }
}

impl<E> AgentThread<E> {
    /// Asks the agent to stop after its duty cycle; waits for nothing.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Whether the agent ended; [`Self::close`] says why.
    pub fn is_finished(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Stops the agent and waits for the end of its duty cycle, which is bounded. Called by the agent itself, as from
    /// its delegate, it only stops: nobody can wait for himself.
    ///
    /// # Errors
    /// What ended the agent before.
    pub fn close(mut self) -> Result<(), Ended<E>> {
        self.join()
    }

    fn join(&mut self) -> Result<(), Ended<E>> {
        self.stop();
        match self.thread.take() {
            Some(thread) if thread.thread().id() != thread::current().id() => {
                thread.join().unwrap_or(Err(Ended::Panicked))
            }
            _ => Ok(()),
        }
    }
}

impl<E> Drop for AgentThread<E> {
    fn drop(&mut self) {
        let _ = self.join();
    }
}

fn pin(processors: Vec<usize>) -> Result<(), StartError> {
    if processors.is_empty() {
        return Ok(());
    }
    pin_thread(&processors).map_err(|error| StartError::Affinity {
        processors,
        error: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use core::time::Duration;
    use std::sync::Mutex;

    use super::*;
    use crate::idle::Idle;

    /// Tells the name of its thread, then works until it is told to fail.
    struct Worker {
        said: mpsc::Sender<Option<String>>,
        fail: Arc<AtomicBool>,
        own: Arc<Mutex<Option<AgentThread<&'static str>>>>,
    }

    impl Agent for Worker {
        type Error = &'static str;

        fn do_work(&mut self) -> Result<u32, &'static str> {
            let _ = self.said.send(thread::current().name().map(str::to_owned));
            drop(self.own.lock().unwrap().take());
            match self.fail.load(Ordering::Relaxed) {
                true => Err("told to"),
                false => Ok(1),
            }
        }

        fn on_close(&mut self) {
            let _ = self.said.send(Some("closed".to_owned()));
        }

        fn role_name(&self) -> &'static str {
            "worker"
        }
    }

    #[derive(Default)]
    struct Rig {
        fail: Arc<AtomicBool>,
        own: Arc<Mutex<Option<AgentThread<&'static str>>>>,
    }

    impl Rig {
        fn start(
            &self,
            placement: &Placement,
        ) -> (
            Result<AgentThread<&'static str>, StartError>,
            mpsc::Receiver<Option<String>>,
        ) {
            let (said, heard) = mpsc::channel();
            let worker = Worker {
                said,
                fail: self.fail.clone(),
                own: self.own.clone(),
            };
            let idle = Idle::sleeping(Duration::from_millis(1));
            (AgentRunner::new(worker, idle).start(placement), heard)
        }
    }

    #[test] // req: C-141, C-160
    fn a_thread_is_named_works_until_it_is_closed_and_closes_its_agent() {
        let (thread, heard) = Rig::default().start(&Placement {
            name: "hand".to_owned(),
            processors: vec![0],
        });
        let thread = thread.unwrap();
        assert_eq!(heard.recv().unwrap().as_deref(), Some("hand"));
        assert!(!thread.is_finished());
        assert_eq!(thread.close(), Ok(()));
        assert_eq!(heard.iter().last().unwrap().as_deref(), Some("closed"));
    }

    #[test] // req: C-141
    fn what_ended_an_agent_is_said_to_whoever_closes_it() {
        let rig = Rig::default();
        let (thread, heard) = rig.start(&Placement::default());
        let thread = thread.unwrap();
        assert_eq!(heard.recv().unwrap().as_deref(), Some("worker"));
        rig.fail.store(true, Ordering::Relaxed);
        assert_eq!(heard.iter().last().unwrap().as_deref(), Some("closed"));
        assert_eq!(thread.close(), Err(Ended::Failed("told to")));
    }

    #[test] // req: C-160
    fn a_thread_that_cannot_run_where_it_should_is_none() {
        let (thread, heard) = Rig::default().start(&Placement {
            processors: vec![100_000],
            ..Placement::default()
        });
        assert!(matches!(thread, Err(StartError::Affinity { .. })));
        assert_eq!(
            heard.recv().unwrap().as_deref(),
            Some("closed"),
            "it never worked"
        );
    }

    #[test]
    fn an_agent_that_drops_its_own_thread_ends_after_its_duty_cycle() {
        let rig = Rig::default();
        let (thread, heard) = rig.start(&Placement::default());
        *rig.own.lock().unwrap() = Some(thread.unwrap());
        assert_eq!(heard.iter().last().unwrap().as_deref(), Some("closed"));
    }
}
