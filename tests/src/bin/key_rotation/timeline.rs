//! When keys are announced, and when services are stopped and started.

use std::error::Error;
use std::thread;
use std::time::{Duration, Instant};

use paseto_actix::time::OffsetDateTime;

use crate::World;
use crate::keys::Keys;

#[derive(Clone, Copy)]
enum Action {
    Announce(usize),
    Stop(usize),
    Start(usize),
    Restart(usize),
}

/// The actions on services, in seconds after the start. Keys become active at 110, 155, 200 and 245
/// seconds: both outages include such a moment, and two restarts follow one within a second.
const SERVICE_ACTIONS: [(u64, Action); 8] = [
    (20, Action::Restart(2)),
    (60, Action::Restart(1)),
    (100, Action::Stop(0)),
    (120, Action::Start(0)),
    (156, Action::Restart(3)),
    (190, Action::Stop(1)),
    (210, Action::Start(1)),
    (246, Action::Restart(0)),
];

/// Runs all actions. Then waits until there are enough responses and the last retired key is
/// rejected.
pub(crate) fn run(world: &World, min_responses: u64) -> Result<(), Box<dyn Error>> {
    let announcements =
        (1..world.keys.len()).map(|key| (Keys::announcement(key), Action::Announce(key)));
    let on_services =
        SERVICE_ACTIONS.map(|(seconds, action)| (Duration::from_secs(seconds), action));
    let mut actions: Vec<_> = announcements.chain(on_services).collect();
    actions.sort_by_key(|(at, _)| *at);
    for (at, action) in actions {
        thread::sleep(at.saturating_sub(world.keys.elapsed()));
        act(world, action)?;
    }
    let mut printed = Instant::now();
    while world.counts.responses() < min_responses || OffsetDateTime::now_utc() < world.keys.end() {
        if printed.elapsed() > Duration::from_secs(30) {
            print(world, "load");
            printed = Instant::now();
        }
        thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

fn act(world: &World, action: Action) -> Result<(), Box<dyn Error>> {
    let service = |index| world.services.get(index);
    match action {
        Action::Announce(key) => {
            print(world, &format!("announce key {key}"));
            world.keys.publish(key)?;
        }
        Action::Stop(index) => {
            print(world, &format!("stop {}", service(index).name()));
            service(index).stop();
        }
        Action::Start(index) => {
            print(world, &format!("start {}", service(index).name()));
            service(index).start(&world.keys)?;
        }
        Action::Restart(index) => {
            print(world, &format!("restart {}", service(index).name()));
            service(index).stop();
            service(index).start(&world.keys)?;
        }
    }
    Ok(())
}

fn print(world: &World, what: &str) {
    println!(
        "{} s, {} responses: {what}",
        world.keys.elapsed().as_secs(),
        world.counts.responses()
    );
}
