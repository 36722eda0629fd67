//! What the demo shows while it runs: a progress bar and tables for people, JSON lines for programs.

use super::api::{self, HallStatus, SiteLinks};
use super::children::Role;
use super::layout::{CHAIR, CONFERENCE, Layout};
use super::summary::Summary;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use std::time::Duration;

/// How often the halls are asked how they are.
const POLL: Duration = Duration::from_millis(250);
/// A hall that has not come by then is shown as missing; the others need not wait for it.
const JOIN_TIME_MAX: Duration = Duration::from_mins(1);

/// Where the demo speaks.
#[derive(Clone)]
pub struct Screen {
    json: bool,
}

impl Screen {
    /// For people, or for programs.
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    /// A child is up; `ready` is the line it said so with.
    pub fn started(&self, role: Role, pid: u32, ready: &str) {
        let addresses: serde_json::Value = serde_json::from_str(ready).unwrap_or_default();
        if self.json {
            println!(
                "{}",
                json!({ "event": "started", "role": role.name(), "pid": pid, "ready": addresses["ready"] })
            );
        } else {
            println!("  {:<16} pid {pid}", role.name());
        }
    }

    /// A child died, or could not be started again.
    pub fn died(&self, role: Role, how: &str) {
        if self.json {
            println!(
                "{}",
                json!({ "event": "died", "role": role.name(), "how": how })
            );
        } else {
            println!("  {} ended ({how}); starting it again", role.name());
        }
    }

    /// All halls are in, or time for joining is over: tell people where to look.
    pub fn ready(&self, layout: &Layout, links: &SiteLinks, joined: usize, after: Duration) {
        let control = format!("{}/control/{CONFERENCE}", layout.url());
        let hall = links.get(layout.guest()).map(|link| link.url.clone());
        if self.json {
            println!(
                "{}",
                json!({ "event": "ready", "control_room": control, "user": "admin", "password": layout.admin_password(),
                        "hall_link": hall, "ca": layout.ca_file(), "halls_joined": joined, "after_s": after.as_secs_f64() })
            );
            return;
        }
        println!(
            "\n  {joined}/{} halls joined after {:.1} s\n",
            layout.halls(),
            after.as_secs_f64()
        );
        println!("  Control room  {control}");
        println!(
            "                user admin, password {}",
            layout.admin_password()
        );
        if let Some(hall) = hall {
            println!("  A hall        {hall}");
            if layout.joining().contains(&layout.guest()) {
                println!(
                    "                its agent steps aside for you until the demo is started again"
                );
            }
        }
        println!("  Certificate   made for this demo. Chromium, Chrome: accept the warning once.");
        println!(
            "                Firefox: import {} as an authority first.",
            layout.ca_file().display()
        );
        println!("\n  Ctrl-C ends the demo.\n");
    }

    /// The children are being ended.
    pub fn stopping(&self) {
        if !self.json {
            println!("  stopping …");
        }
    }

    /// The end.
    pub fn summary(&self, summary: &Summary) {
        if self.json {
            println!("{}", json!({ "event": "summary", "summary": summary }));
        } else {
            println!("{summary}");
        }
    }
}

/// Waits until every hall has joined and seen the program, but never longer than `within` (without it, a minute).
pub async fn wait_for_halls(layout: &Layout, screen: &Screen, within: Option<Duration>) -> usize {
    let patience = within.map_or(JOIN_TIME_MAX, |time| time / 2);
    let deadline = tokio::time::Instant::now() + patience;
    let bar = bar(layout, screen);
    loop {
        let joined = api::halls(layout)
            .await
            .map_or(0, |halls| with_program(&halls));
        bar.set_position(joined as u64);
        if joined >= layout.halls() || tokio::time::Instant::now() >= deadline {
            bar.finish_and_clear();
            return joined;
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Halls, the chair's not among them, that have joined and received program pictures.
fn with_program(halls: &[HallStatus]) -> usize {
    halls
        .iter()
        .filter(|hall| hall.site.as_deref() != Some(CHAIR) && hall.joined && hall.frames > 0)
        .count()
}

fn bar(layout: &Layout, screen: &Screen) -> ProgressBar {
    if screen.json {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(layout.halls() as u64);
    if let Ok(style) =
        ProgressStyle::with_template("  halls joining [{bar:40}] {pos}/{len}  {elapsed}")
    {
        bar.set_style(style.progress_chars("━╸─"));
    }
    bar
}
