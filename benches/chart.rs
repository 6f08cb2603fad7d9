//! The chart of the README: the comparisons that users choose by, with a pair of bars for each.
//!
//! The chart is narrow, so that phones do not shrink its text, and it has colors for light and dark
//! pages.

use std::fmt::Write;

use crate::group::{Group, Samples, quantile};
use crate::subjects::CHARTED;
use crate::table::figure;

const WIDTH: f64 = 440.0;
const MARGIN: f64 = 16.0;
const BAR: f64 = 22.0;
/// The height of a pair: the title, two bars, and the space below.
const PAIR: f64 = 24.0 + 2.0 * (BAR + 3.0) + 14.0;

const STYLE: &str = "\
    .page { fill: #ffffff } text { fill: #1f2328 } .own { fill: #93c5fd } .other { fill: #d8dee4 }\n\
    @media (prefers-color-scheme: dark) {\n\
    .page { fill: #0d1117 } text { fill: #f0f6fc } .own { fill: #1d4ed8 } .other { fill: #3d444d }\n\
    }\n";

/// Draws the pairs whose subjects were measured.
pub(crate) fn svg(groups: &[Group]) -> String {
    let mut body = String::new();
    let mut y = MARGIN;
    for (title, [own, other]) in CHARTED {
        let pair =
            groups.iter().find_map(|group| Some((group.find(own)?, group.find(other)?, group)));
        if let Some((own, other, group)) = pair {
            y = draw_pair(&mut body, title, [own, other], group, y);
        }
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" viewBox=\"0 0 {WIDTH} {y}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n<style>\n{STYLE}</style>\n\
         <rect class=\"page\" width=\"{WIDTH}\" height=\"{y}\" rx=\"6\"/>\n{body}</svg>\n"
    )
}

/// Draws a pair of bars, and returns the y coordinate of the next pair.
fn draw_pair(body: &mut String, title: &str, pair: [&Samples; 2], group: &Group, top: f64) -> f64 {
    let ratio = quantile(&pair[0].ratios(pair[1]), 0.5);
    let title = escape(&format!("{title}: {ratio:.2} ×"));
    let baseline = top + 14.0;
    element(
        body,
        &format!("<text x=\"{MARGIN}\" y=\"{baseline}\" font-weight=\"bold\">{title}</text>"),
    );
    let longest = pair.map(Samples::median).into_iter().fold(0.0, f64::max);
    for (position, (samples, class)) in pair.into_iter().zip(["own", "other"]).enumerate() {
        let y = top + 24.0 + position as f64 * (BAR + 3.0);
        let length = samples.median() / longest * (WIDTH - 2.0 * MARGIN);
        let bar = format!(
            "<rect class=\"{class}\" x=\"{MARGIN}\" y=\"{y}\" width=\"{length:.1}\" height=\"{BAR}\" rx=\"3\"/>"
        );
        element(body, &bar);
        let name = samples.name.split(',').next().unwrap_or_default();
        let label = escape(&format!("{name}: {}", figure(samples.median(), group.unit)));
        let (x, baseline) = (MARGIN + 6.0, y + BAR - 7.0);
        element(body, &format!("<text x=\"{x}\" y=\"{baseline}\">{label}</text>"));
    }
    top + PAIR
}

fn element(body: &mut String, element: &str) {
    writeln!(body, "{element}").expect("writing to a String cannot fail");
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
