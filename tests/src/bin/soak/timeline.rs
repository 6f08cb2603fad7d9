//! What happens during the load: outages of Redis, and rotations of the keys.

use std::thread;
use std::time::{Duration, Instant};

use paseto_actix_tests::command_line::CommandLine;
use paseto_actix_tests::redis::Redis;

use crate::World;

/// The longest time between two outages, and between two rotations.
const MAX_PERIOD: Duration = Duration::from_secs(4 * 60);
/// The time for which Redis is unavailable.
const OUTAGE: Duration = Duration::from_secs(3);
const STEP: Duration = Duration::from_millis(100);
/// The time between the announcement of a key and its activation. The server reads the key file
/// every 10 seconds.
const LEAD: &str = "15s";
/// The lifetime of an access token.
const MAX_TTL: &str = "15m";

/// The name of the key file in the folder of the command line.
pub(crate) const KEY_FILE: &str = "keys.json";

/// Runs until the end of the load. Returns the number of rotations.
pub(crate) fn run(
    world: &World,
    redis: &mut Redis,
    operator: &CommandLine,
) -> Result<usize, String> {
    let total = world.windows.total;
    let period = (total / 6).min(MAX_PERIOD);
    let end = world.start + total;
    let mut next_outage = world.start + period;
    let mut next_rotation = world.start + period / 2;
    let mut rotations = 0;
    while Instant::now() < end && !world.is_over() {
        let now = Instant::now();
        // The last outage ends before the load does.
        if now >= next_outage && now + 2 * OUTAGE < end {
            next_outage += period;
            restart(world, redis);
        }
        if now >= next_rotation {
            next_rotation += period;
            let rotate = ["keys", "rotate", KEY_FILE, "--in", LEAD, "--max-ttl", MAX_TTL];
            let printed = operator.run(&rotate);
            if printed.code != 0 {
                return Err(format!("`paseto keys rotate` failed: {}", printed.stderr));
            }
            rotations += 1;
        }
        thread::sleep(STEP);
    }
    Ok(rotations)
}

/// Kills Redis, and starts it again with its data.
fn restart(world: &World, redis: &mut Redis) {
    world.outages.start();
    redis.kill();
    thread::sleep(OUTAGE);
    redis.restart(&[]);
    world.outages.stop();
}
