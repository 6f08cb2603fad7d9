//! The tables at the end, and the decision whether the run was correct.

use std::error::Error;
use std::time::Duration;

use crate::World;
use crate::latencies;
use crate::samples::{Sample, cpu_micros, files_grow, growth, latency_grows, median, memory_grows};

/// Texts of a log that would be a secret.
const SECRETS: [&str; 5] = ["v4.local.", "v4.public.", "k4.local.", "k4.secret.", "mysecret"];

/// Prints the figures of each minute.
pub(crate) fn print_minutes(world: &World, samples: &[Sample], loads: &[String]) {
    let (unit, total) = (world.windows.unit, world.windows.total);
    println!("\none row per {unit:?}; without requests with passwords or during outages");
    println!(
        "\n| row | RSS | files | threads | CPU per response | p50 | p99 | load of the machine |"
    );
    println!("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    let mut row = 0;
    while unit * row < total {
        let window = (unit * row, unit * (row + 1));
        let times = world.latencies.of(window);
        let of = |value: fn(&Sample) -> u64| match median(samples, window, value) {
            Some(median) => median.to_string(),
            None => "none".to_owned(),
        };
        println!(
            "| {row} | {} KiB | {} | {} | {:.0} µs | {} ms | {} ms | {} |",
            of(|sample| sample.rss_kib),
            of(|sample| sample.files),
            of(|sample| sample.threads),
            cpu_micros(samples, window),
            times.quantile(0.5),
            times.quantile(0.99),
            loads.get(row as usize).map_or("", String::as_str)
        );
        row += 1;
    }
}

/// Prints the growth. Returns whether memory, files and response times do not grow. A window
/// without a sample is a fault.
pub(crate) fn print_growth(world: &World, samples: &[Sample]) -> bool {
    let mut is_correct = true;
    let mut print = |name: &str, values: Option<(f64, f64)>, limit: &str, is_fault: bool| {
        let is_fault = is_fault || values.is_none();
        let mark = if is_fault { " **FAULT**" } else { "" };
        is_correct &= !is_fault;
        let values = values.map_or("none | none | none".to_owned(), |(before, after)| {
            format!("{before:.2} | {after:.2} | {:+.1} %", growth(before, after))
        });
        println!("| {name} | {values} | {limit}{mark} |");
    };
    println!("\n| figure | after the warm-up | at the end | growth | allowed |");
    println!("| --- | ---: | ---: | ---: | --- |");
    let [first, last] = world.windows.memory();
    let of =
        |value: fn(&Sample) -> u64| median(samples, first, value).zip(median(samples, last, value));
    let floats = |(before, after)| (before as f64, after as f64);
    let rss = of(|sample| sample.rss_kib);
    let grows = rss.is_some_and(|(before, after)| memory_grows(before, after));
    print("RSS in KiB, median of 5 minutes", rss.map(floats), "below 5 %", grows);
    let files = of(|sample| sample.files);
    let grows = files.is_some_and(|(before, after)| files_grow(before, after));
    print("open files, median of 5 minutes", files.map(floats), "none", grows);
    let threads = of(|sample| sample.threads);
    print("threads, median of 5 minutes", threads.map(floats), "any", false);

    let windows = world.windows.latency();
    let [before, after] = windows.map(|window| cpu_micros(samples, window));
    print("CPU of the server per response in µs, 10 minutes", Some((before, after)), "any", false);
    let [before, after] = windows.map(|window| world.latencies.of(window));
    for (quantile, name, limit) in [(0.5, "p50", "any"), (0.99, "p99", "at most 10 %")] {
        let [before, after] = [&before, &after]
            .map(|times| (!times.is_empty()).then(|| times.quantile_time(quantile)));
        let times = before.zip(after);
        let is_fault = times.is_some_and(|(before, after)| {
            let is_too_long = before.max(after) >= latencies::LIMIT;
            is_too_long || (quantile > 0.9 && latency_grows(before, after))
        });
        let values = times.map(|(before, after)| (millis(before), millis(after)));
        print(&format!("{name} in ms, 10 minutes"), values, limit, is_fault);
    }
    is_correct
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Prints the figures of the log. Returns whether it contains no panic and no secret.
pub(crate) fn print_log(world: &World) -> Result<bool, Box<dyn Error>> {
    let log = world.server.log()?;
    let count = |text: &str| log.lines().filter(|line| line.contains(text)).count();
    let panics = count("panicked");
    let secrets: usize = SECRETS.iter().map(|text| count(text)).sum();
    println!("\n| lines in the log of the server | count |\n| --- | ---: |");
    println!("| all | {} |", log.lines().count());
    println!("| audit log | {} |", count("audit: "));
    println!("| warnings | {} |", count(" WARN "));
    println!("| errors | {} |", count("ERROR "));
    println!("| panics | {panics} |");
    println!("| with a token, a key or a password | {secrets} |");
    for line in log.lines().filter(|line| line.contains("panicked")).take(20) {
        println!("log: {line}");
    }
    Ok(panics == 0 && secrets == 0)
}
