//! The demo as an operator: the same HTTP API that the console uses.

use super::layout::{CONFERENCE, Layout};
use anyhow::{Context, Result, bail};
use protocol::{ConferenceView, SiteLink};
use reqwest::{Client, Method, Response};
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::time::Duration;

/// The join link of every site, by its code.
pub type SiteLinks = HashMap<String, SiteLink>;

/// A signed-in operator.
pub struct Operator {
    http: Client,
    base: String,
}

impl Operator {
    /// Signs in as the demo's administrator.
    pub async fn sign_in(layout: &Layout) -> Result<Self> {
        let operator = Self {
            http: client(layout)?,
            base: layout.url(),
        };
        let body = serde_json::json!({ "user": "admin", "password": layout.admin_password() });
        operator
            .request(Method::POST, "/api/session", Some(body))
            .await?;
        Ok(operator)
    }

    /// The join link of every site that will join.
    pub async fn site_links(&self, layout: &Layout) -> Result<SiteLinks> {
        let mut links = SiteLinks::new();
        for code in layout.joining().into_iter().chain([layout.guest()]) {
            let path = format!("/api/conferences/{CONFERENCE}/sites/{code}/link");
            links.insert(code.to_owned(), self.json(Method::GET, &path).await?);
        }
        Ok(links)
    }

    /// Moves the sitting on, unless an earlier start has already.
    pub async fn step_to(&self, state: &str) -> Result<()> {
        let view = self.conference().await?;
        let next: Vec<String> = view
            .sitting
            .next
            .iter()
            .map(|state| {
                Ok(serde_json::to_value(state)?
                    .as_str()
                    .unwrap_or("")
                    .to_owned())
            })
            .collect::<Result<_>>()?;
        if next.iter().any(|allowed| allowed == state) {
            let path = format!("/api/conferences/{CONFERENCE}/sitting");
            self.request(
                Method::POST,
                &path,
                Some(serde_json::json!({ "to": state })),
            )
            .await?;
        }
        Ok(())
    }

    /// The conference as the console sees it.
    pub async fn conference(&self) -> Result<ConferenceView> {
        self.json(Method::GET, &format!("/api/conferences/{CONFERENCE}"))
            .await
    }

    async fn json<T: DeserializeOwned>(&self, method: Method, path: &str) -> Result<T> {
        Ok(self.request(method, path, None).await?.json().await?)
    }

    async fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<serde_json::Value>,
    ) -> Result<Response> {
        // The orchestrator takes state-changing requests from its own pages only.
        let mut request = self
            .http
            .request(method.clone(), format!("{}{path}", self.base))
            .header("Origin", &self.base);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request
            .send()
            .await
            .with_context(|| format!("{method} {path}"))?;
        if !response.status().is_success() {
            bail!(
                "{method} {path}: {} {}",
                response.status(),
                response.text().await.unwrap_or_default()
            );
        }
        Ok(response)
    }
}

/// An HTTP client that trusts the demo's certificate authority and keeps the session cookie.
fn client(layout: &Layout) -> Result<Client> {
    let ca = reqwest::Certificate::from_pem(&std::fs::read(layout.ca_file())?)?;
    Ok(Client::builder()
        .tls_certs_only([ca])
        .cookie_store(true)
        .timeout(Duration::from_secs(10))
        .build()?)
}

/// One hall as its agent tells it (`/halls` on the agents' internal listener).
#[derive(serde::Deserialize)]
pub struct HallStatus {
    /// Its code; absent before it has joined.
    pub site: Option<String>,
    /// Joined, media up.
    pub joined: bool,
    /// Program packets received.
    pub packets: u64,
    /// Program frames completely received.
    pub frames: u64,
    /// Holes that repair did not fill.
    pub holes: u64,
    /// Packets its own queues dropped.
    pub dropped_locally: u64,
}

/// What the hall agents say of themselves.
pub async fn halls(layout: &Layout) -> Result<Vec<HallStatus>> {
    let answer = reqwest::Client::builder()
        .timeout(Duration::from_secs(5))
        .build()?;
    Ok(answer
        .get(layout.halls_status_url())
        .send()
        .await?
        .error_for_status()?
        .json()
        .await?)
}
