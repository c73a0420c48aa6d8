//! The smallest discovery provider there can be: it knows one stream, and not even well, since its epoch is invented. It
//! answers `TP_EXAMPLE_ANSWERS` questions and ends. Run it beside `discovery_consumer`, or ask it with `tp discover`.

use core::time::Duration;

use tp_core_nostd::ids::PoolId;
use tp_core_nostd::proto::dispatch::{Message, classify};
use tp_core_nostd::seq::SlotCount;
use tp_core_nostd::uri::RegionUri;
use tp_core_nostd::wire::discovery::{
    DiscoveryOutcome, DiscoveryRequest, DiscoveryResponse, DiscoveryResult, RequestId, Results,
    Tag, Tags,
};
use tp_core_nostd::wire::{PoolEntry, Pools, Stride};
use tp_examples::{Outcome, Patience, context, stream, switch};
use tp_std::aeron::DEFAULT_CHANNEL;
use tp_std::discovery::{DISCOVERY_REQUEST_STREAM, DISCOVERY_RESPONSE_STREAM};
use tp_std::{CONTROL_STREAM, Client, Epoch, StreamId};

const WAIT: Duration = Duration::from_secs(5);

fn main() -> Outcome {
    let (patience, wanted) = (Patience::new()?, switch("ANSWERS")?.unwrap_or(1));
    let (client, conductor) = Client::start(context("discovery_provider")?)?;
    let requests = client.add_subscription(DEFAULT_CHANNEL, DISCOVERY_REQUEST_STREAM)?;
    let mut requests = requests.wait(WAIT)?;
    // A real one would open the endpoint that each request names, if it trusts that.
    let responses = client.add_publication(DEFAULT_CHANNEL, DISCOVERY_RESPONSE_STREAM)?;
    let mut responses = responses.wait(WAIT)?;

    let known = Known::new()?;
    let mut answered = 0;
    while answered < wanted {
        let mut asked = Vec::new();
        let polled = requests.poll(10, |bytes, _| {
            if let Ok(Message::DiscoveryRequest(view)) = classify(bytes)
                && let Ok(request) = DiscoveryRequest::try_from(view)
            {
                asked.push((request.request_id, known.is_meant(&request)));
            }
        });
        polled.map_err(|error| format!("{error:?}"))?;
        for (id, is_meant) in asked {
            // Whoever is not connected yet asks again.
            let answer = known.answer(id, is_meant)?;
            answered += u32::from(responses.offer(&answer).is_ok());
        }
        patience.wait_for("questions")?;
    }
    conductor.close_and_wait(Duration::from_secs(1))?;
    Ok(())
}

/// The one stream.
struct Known {
    stream: StreamId,
    control: StreamId,
    pool: PoolEntry<'static>,
}

impl Known {
    fn new() -> Result<Self, Box<dyn core::error::Error>> {
        let control = u32::try_from(CONTROL_STREAM)?;
        Ok(Self {
            stream: stream()?,
            control: StreamId::new(control).ok_or("no control stream")?,
            pool: PoolEntry {
                pool_id: PoolId::new(1).ok_or("no pool")?,
                stride: Stride::new(4096).ok_or("no stride")?,
                region_uri: RegionUri::new("/dev/shm/nowhere/1.pool", false)?,
            },
        })
    }

    fn is_meant(&self, request: &DiscoveryRequest<'_>) -> bool {
        let named = request
            .data_source_name
            .is_none_or(|name| name.0 == b"camera");
        named && request.stream_id.is_none_or(|id| id == self.stream.get())
    }

    fn answer(
        &self,
        id: RequestId,
        is_meant: bool,
    ) -> Result<Vec<u8>, Box<dyn core::error::Error>> {
        let tags = [Tag("example".into())];
        let result = DiscoveryResult {
            stream_id: self.stream,
            producer_id: None,
            epoch: Epoch::new(1).ok_or("no epoch")?,
            layout_version: 1,
            header_nslots: SlotCount::new(8).ok_or("no slots")?,
            data_source_id: None,
            driver_control_stream_id: self.control,
            driver_control_channel: DEFAULT_CHANNEL,
            driver_instance_id: None,
            data_source_name: Some("camera".into()),
            tags: Tags::listed(&tags),
            payload_pools: Pools::from_slice(&[self.pool]).map_err(|_| "too many pools")?,
            header_region_uri: RegionUri::new("/dev/shm/nowhere/header.ring", false)?,
        };
        let results = [result];
        let results = if is_meant { &results[..] } else { &[] };
        let mut bytes = vec![0; 4096];
        let response = DiscoveryResponse {
            request_id: id,
            outcome: DiscoveryOutcome::Found(Results::listed(results)),
        };
        let len = response.encode(&mut bytes)?;
        bytes.truncate(len);
        Ok(bytes)
    }
}
