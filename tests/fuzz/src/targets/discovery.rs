//! Questions and answers of discovery in any order: an open question is answered once or ends in time, and nothing else is
//! taken for an answer.

use std::collections::BTreeMap;

use tp_core_nostd::ids::StreamId;
use tp_core_nostd::proto::discovery_client::{
    AskError, DiscoveryClient, Filter, Query, Setup, Timing,
};
use tp_core_nostd::time::{Duration, Instant};
use tp_core_nostd::wire::control::Endpoint;
use tp_core_nostd::wire::discovery::{
    DiscoveryOutcome, DiscoveryRequestView, DiscoveryResponse, DiscoveryResponseView, RequestId,
};

use crate::Input;
use crate::reach::Reached;
use crate::seeds::{random, vectors};

/// Questions there is room for.
const QUESTIONS: usize = 2;

struct Talk {
    client: DiscoveryClient<[Query<128>; QUESTIONS], 128>,
    now: Instant,
    /// Questions that are open, until when, and how often they were sent.
    open: BTreeMap<u64, (Instant, u32)>,
    asked: Vec<RequestId>,
    answers: Vec<Vec<u8>>,
    reached: Reached,
}

pub(super) fn run(bytes: &[u8]) {
    play(bytes);
}

fn play(bytes: &[u8]) -> Reached {
    let mut input = Input::new(bytes);
    let responses = Endpoint {
        channel: "aeron:ipc",
        stream_id: StreamId::new(1200).unwrap(),
    };
    let setup = Setup {
        responses,
        driver_control: None,
        client_id: 7,
        timing: Timing::DEFAULT,
    };
    let seed = u64::MAX - u64::from(input.u8());
    let mut talk = Talk {
        client: DiscoveryClient::new(setup, [Query::FREE; QUESTIONS], seed).unwrap(),
        now: Instant::from_ns(1),
        open: BTreeMap::new(),
        asked: Vec::new(),
        answers: vectors(|name| name == "DiscoveryResponse"),
        reached: Reached::new(),
    };
    while !input.is_empty() {
        talk.step(&mut input);
    }
    talk.reached
}

impl Talk {
    fn step(&mut self, input: &mut Input<'_>) {
        let pause = u64::from(input.u8()) * 8;
        self.now = self.now.after(Duration::from_millis(pause));
        self.expire();
        let mut takes = true;
        match input.u8() % 8 {
            0 | 1 => self.ask(input),
            2 | 3 => {
                let answer = self.answers[input.below(self.answers.len())].clone();
                let asked = self.asked.iter().rev().nth(input.u8().into()).copied();
                self.answer(&answer, asked);
            }
            4 => {
                let len = usize::from(input.u16());
                let asked = self.asked.last().filter(|_| input.bool()).copied();
                self.answer(input.take(len), asked);
            }
            5 => {
                if let Some(asked) = input.pick(&self.asked) {
                    self.client.cancel(asked);
                    if self.open.remove(&asked.0).is_some() {
                        self.reached.insert("cancelled");
                    }
                }
            }
            6 => takes = false,
            _ => {}
        }
        self.transmit(takes);
    }

    fn ask(&mut self, input: &mut Input<'_>) {
        let len = usize::from(input.u8());
        let name = "n".repeat(len);
        let filter = Filter {
            stream_id: Some(10_000),
            data_source_name: input.bool().then_some(&*name),
            ..Filter::default()
        };
        let has_room = self.open.len() < QUESTIONS;
        let seen = match self.client.ask(self.now, &filter) {
            Ok(id) => {
                assert!(has_room && !self.asked.contains(&id));
                let until = self.now.after(Timing::DEFAULT.total);
                self.open.insert(id.0, (until, 0));
                self.asked.push(id);
                "asked"
            }
            Err(AskError::TooManyQueries) => {
                assert!(!has_room);
                "no room"
            }
            Err(AskError::TooLong(_)) => "too long",
            Err(error) => panic!("{error}"),
        };
        self.reached.insert(seen);
    }

    /// These bytes, as an answer to `asked` or to what they say themselves.
    fn answer(&mut self, bytes: &[u8], asked: Option<RequestId>) {
        let Ok(view) = DiscoveryResponseView::parse(bytes) else {
            return;
        };
        let mut response = DiscoveryResponse::from(view);
        if let Some(asked) = asked {
            response.request_id = asked;
        }
        let request = response.request_id;
        let was_open = self.open.remove(&request.0).is_some();
        let answer = self.client.handle(&response);
        let answered = answer.map(|answer| answer.request);
        assert_eq!(answered, was_open.then_some(request));
        let seen = match answer.map(|answer| answer.outcome) {
            Some(DiscoveryOutcome::Found(results)) => match results.iter().count() {
                0 => "found nothing",
                _ => "found",
            },
            Some(DiscoveryOutcome::NotFound) => "not found",
            Some(DiscoveryOutcome::Error(_)) => "refused",
            None if self.asked.contains(&request) => "too late, or again",
            None => "somebody else's",
        };
        self.reached.insert(seen);
    }

    /// All that are over end, and no others.
    fn expire(&mut self) {
        while let Some(request) = self.client.expire(self.now) {
            let (until, _) = self.open.remove(&request.0).unwrap();
            assert!(until <= self.now);
            self.reached.insert("nobody answered");
        }
        assert!(self.open.values().all(|(until, _)| *until > self.now));
    }

    /// What is due is an open question, and not due again at the same time.
    fn transmit(&mut self, takes: bool) {
        for _ in 0..=QUESTIONS {
            let (open, reached) = (&mut self.open, &mut self.reached);
            let sent = self.client.transmit(self.now, |message| {
                if !takes {
                    reached.insert("nothing taken");
                    return Err(());
                }
                let view = DiscoveryRequestView::parse(message).unwrap();
                let (_, times) = open.get_mut(&view.block.request_id.get()).unwrap();
                *times += 1;
                assert!(*times <= 5, "asked for ever");
                reached.insert(match *times {
                    1 => "sent",
                    _ => "sent again",
                });
                Ok(())
            });
            if sent != Ok(true) {
                let due_at = self.client.poll_timeout();
                assert_eq!(due_at <= self.now, sent.is_err());
                assert_eq!(due_at == Instant::NEVER, self.open.is_empty());
                return;
            }
        }
        panic!("no end of questions");
    }
}

/// Anything, and each of the vectors as an answer to one question, then to another.
pub(super) fn seeds() -> Vec<Vec<u8>> {
    const ASK: [u8; 4] = [1, 0, 0, 0];
    let answers = vectors(|name| name == "DiscoveryResponse");
    let talk = |answer: &Vec<u8>| {
        let len = u16::try_from(answer.len()).unwrap().to_le_bytes();
        let [low, high] = len;
        let head = [1, 4, low, high, 1];
        let parts: [&[u8]; 7] = [&[0], &ASK, &head, answer, &ASK, &head, answer];
        parts.concat()
    };
    random()
        .into_iter()
        .chain(answers.iter().map(talk))
        .collect()
}

#[cfg(test)]
mod tests {
    #[test] // req: C-201
    fn questions_come_to_every_end() {
        let ends = [
            "asked",
            "cancelled",
            "found",
            "found nothing",
            "no room",
            "nobody answered",
            "not found",
            "nothing taken",
            "refused",
            "sent",
            "sent again",
            "somebody else's",
            "too late, or again",
            "too long",
        ];
        crate::reach::assert_reached("discovery_client", super::play, &ends);
    }
}
