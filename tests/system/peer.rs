//! Another process: this program again, told by its environment what to be. It is spoken to in lines on its standard
//! input and answers in lines that begin with `@`, so that what the test harness prints does not matter.

use core::time::Duration;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, channel};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use tp_std::Client;
use tp_std::aeron::{MediaDriver, MediaDriverConfig};

use crate::frames::{fill, publish};
use crate::rig::{PATIENCE, Rig, aeron_dir, consumer, context, producer};
use crate::watcher::Tally;

const ROLE: &str = "TP_PEER";
const ROOT: &str = "TP_ROOT";
const TERM: &str = "TP_TERM";

/// A process of our own. Killed when dropped.
pub(crate) struct Peer {
    child: Child,
    lines: Receiver<String>,
}

impl Peer {
    /// Starts a `consumer`, `producer` or `media-driver` and waits until it is ready.
    pub(crate) fn start(rig: &Rig, role: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "peer", "--nocapture", "--test-threads=1"])
            .env(ROLE, role)
            .env(ROOT, rig.root())
            .env(TERM, rig.term())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if let Some(line) = line.strip_prefix('@') {
                    let _ = sender.send(line.to_owned());
                }
            }
        });
        let mut peer = Self { child, lines };
        peer.heard("ready");
        peer
    }

    /// Gives an order and returns the numbers of the answer.
    pub(crate) fn ask(&mut self, order: &str) -> Vec<u64> {
        self.tell(order);
        let verb = order.split_whitespace().next().unwrap();
        self.heard(verb)
    }

    /// Gives an order.
    pub(crate) fn tell(&self, order: &str) {
        writeln!(self.child.stdin.as_ref().unwrap(), "{order}").unwrap();
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Ends it without a chance to clean up.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// The numbers of an answer, if it came.
    pub(crate) fn try_heard(&mut self, word: &str) -> Option<Vec<u64>> {
        let line = self.lines.try_recv().ok()?;
        let mut words = line.split_whitespace();
        assert_eq!(words.next(), Some(word), "{line}");
        Some(words.map(|number| number.parse().unwrap()).collect())
    }

    pub(crate) fn heard(&mut self, word: &str) -> Vec<u64> {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => {
                let mut words = line.split_whitespace();
                assert_eq!(words.next(), Some(word), "{line}");
                words.map(|number| number.parse().unwrap()).collect()
            }
            Err(RecvTimeoutError::Timeout) => panic!("the other process does not say {word}"),
            Err(RecvTimeoutError::Disconnected) => panic!("the other process ended before {word}"),
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The other end: returns at once in the test run itself.
pub(crate) fn run() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    let root = std::env::var_os(ROOT).unwrap();
    let root = Path::new(&root);
    let context = || context(root, &std::env::var(TERM).unwrap());
    let (sender, orders) = channel();
    thread::spawn(move || {
        for order in std::io::stdin().lines().map_while(Result::ok) {
            let _ = sender.send(order);
        }
    });
    // The harness has not ended its line.
    println!();
    match role.as_str() {
        "consumer" => consume(&Client::start(context()).unwrap().0, &orders),
        "producer" => {
            let (client, _conductor) = Client::start(context()).unwrap();
            produce(&client, &orders);
        }
        "media-driver" => {
            let _media = MediaDriver::start(MediaDriverConfig::new(aeron_dir(root))).unwrap();
            println!("@ready");
            let _ = orders.recv();
        }
        other => panic!("{other}"),
    }
}

/// `report`: received, torn, epoch, next.
fn consume(client: &Client, orders: &Receiver<String>) {
    let mut consumer = consumer(client);
    let mut tally = Tally::default();
    println!("@ready");
    loop {
        if tally.poll(&mut consumer).unwrap() == 0 {
            thread::yield_now();
        }
        match orders.try_recv() {
            Ok(_) => println!(
                "@report {} {} {} {}",
                tally.received, tally.torn, tally.epoch, tally.next
            ),
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => return,
        }
    }
}

/// `frames N`: publishes them and answers epoch and last number. `while-allowed`: publishes until it is refused. `half`: leaves a frame of a kilobyte half written.
fn produce(client: &Client, orders: &Receiver<String>) {
    let mut producer = producer(client);
    println!("@ready");
    while let Ok(order) = orders.recv() {
        let epoch = producer.epoch().unwrap().get();
        if let Some(count) = order.strip_prefix("frames ") {
            let mut last = 0;
            for _ in 0..count.parse().unwrap() {
                (last, _) = publish(&mut producer, 1024).unwrap();
                thread::sleep(Duration::from_millis(1));
            }
            println!("@frames {epoch} {last}");
        } else if order == "while-allowed" {
            println!("@publishing");
            let mut last = 0;
            while let Ok((seq, _)) = publish(&mut producer, 1024) {
                last = seq;
                thread::sleep(Duration::from_millis(1));
            }
            println!("@refused {epoch} {last}");
        } else {
            let mut claim = producer.try_claim(1024).unwrap();
            fill(epoch, claim.seq().get(), &mut claim.bytes()[..512]);
            println!("@half {epoch} {}", claim.seq().get());
            let _ = orders.recv();
        }
    }
}
