//! The questions: each gives what the verb of the command gives.

use nanami_model::{Endpoint, Flow, GatewayId, Observed, PeerId, RegionId, Service, UserId};
use nanami_plan::board::{Board, Detail};
use nanami_plan::{Base, Failure, Who, plan};

use super::{Core, name};
use crate::answer::Answer;
use crate::trouble::Trouble;

impl Core {
    pub(super) fn planned(&self, since: Option<&Self>, by: Option<&str>) -> Result<Answer, Trouble> {
        let by = by.map(|name| self.user(name)).transpose()?;
        let plan = match since {
            None => plan(&Base::nothing(), self.desired(), Observed::none(), self.at()),
            Some(old) => {
                let next = old.followed_by(self)?;
                plan(&Base::settled(old.desired()), next.desired(), old.observed(), old.at())
            }
        };
        Ok(Answer::plan(match by {
            Some(author) => plan.by(author),
            None => plan,
        }))
    }

    pub(super) fn compared(&self, since: &Self) -> Result<Answer, Trouble> {
        let next = since.followed_by(self)?;
        Ok(Answer::comparison(since.desired().what_if(&next.intent).comparison()))
    }

    /// The board, with the plan over it that leads to another workspace.
    pub(super) fn board(&self, wanted: Option<&Self>, detail: Detail) -> Result<Board, Trouble> {
        let Some(wanted) = wanted else { return Ok(self.view().board_in(detail)) };
        let next = self.followed_by(wanted)?;
        let plan = plan(&Base::settled(self.desired()), next.desired(), self.observed(), self.at());
        Ok(self.view().board_of(&plan, detail))
    }

    /// The workspace without an object and all that cannot be without it, and kind and name of what else goes.
    pub(super) fn bereft(&self, section: &str, name: &str) -> Result<(Self, Vec<String>), Trouble> {
        let id = name::object(&self.intent, section, name)?;
        let mut draft = self.intent.draft();
        let others = name::bereave(&mut draft, id);
        let others = others.into_iter().map(|id| self.intent.label(id).to_string()).collect();
        let changes = draft.into_changes().danger_allow_mass_removal();
        Ok((self.next(self.intent.apply(self.intent.owner(), &changes)?), others))
    }

    /// The peers whose map would be another one.
    pub(super) fn told(&self, since: &Self) -> Result<Vec<String>, Trouble> {
        let next = since.followed_by(self)?;
        let what_if = since.desired().what_if(&next.intent);
        let name = |id| next.intent.name_of(id).or_else(|| since.intent.name_of(id)).map(ToString::to_string);
        Ok(what_if.recipients().filter_map(name).collect())
    }

    pub(super) fn explained(&self, from: &str, to: &str, service: &str) -> Result<Answer, Trouble> {
        let service: Service = service
            .parse()
            .map_err(|error: nanami_model::ParseServiceError| Trouble::value("service", service, &error))?;
        let flow: Flow = self.intent.flow(from, to, service)?;
        Ok(Answer::explanation(&self.intent, self.view().explain(&flow)))
    }

    pub(super) fn reached(&self, kind: &str, of: &str) -> Result<Answer, Trouble> {
        let who = match kind {
            "from" => Who::From(self.intent.id::<PeerId>(of)?),
            "user" => Who::User(self.intent.id::<UserId>(of)?),
            _ => Who::To(name::destination(&self.intent, of)?),
        };
        Ok(Answer::of(self.view().reach(&who)))
    }

    pub(super) fn without(
        &self,
        gateways: &[String],
        regions: &[String],
        hosts: &[String],
        without_control: bool,
    ) -> Result<Answer, Trouble> {
        let mut dying = Vec::new();
        for name in gateways {
            dying.push(Failure::gateway(self.intent.id::<GatewayId>(name)?));
        }
        for name in regions {
            dying.push(Failure::region(self.intent.id::<RegionId>(name)?));
        }
        for host in hosts {
            dying.push(Failure::host(self.intent.host(host)?));
        }
        dying.extend(without_control.then(Failure::control));
        let failure = dying.into_iter().reduce(Failure::and).ok_or_else(|| {
            let message = "nothing was named that dies".to_owned();
            let remedy = "name gateways, regions, hosts or control; sweep() asks for each gateway alone";
            Trouble::new("ValueRefused", "impact.nothing", message, remedy)
        })?;
        Ok(Answer::of(self.view().impact(&failure)))
    }

    pub(super) fn judged(&self, since: Option<&Self>) -> Result<Answer, Trouble> {
        Ok(Answer::of(match since {
            None => self.desired().judge(&[]),
            Some(old) => old.desired().what_if(&old.followed_by(self)?.intent).judge(&[]),
        }))
    }

    pub(super) fn exported(&self, peer: &str, endpoint: Option<&str>) -> Result<String, Trouble> {
        let id = self.intent.id::<PeerId>(peer)?;
        let mut export = self.desired().wg_quick_for(id).ok_or_else(|| self.no_export(peer, id))?;
        if let Some(text) = endpoint {
            let at: Endpoint = text
                .parse()
                .map_err(|error: nanami_model::ParseEndpointError| Trouble::value("endpoint", text, &error))?;
            export = export.with_endpoint(at);
        }
        Ok(export.to_string())
    }

    fn no_export(&self, peer: &str, id: PeerId) -> Trouble {
        let gateway = self.intent.get(id).and_then(|device| device.mode().gateway());
        match gateway.and_then(|id| self.intent.name_of(id)) {
            None => {
                let message = format!("{peer} is managed: its agent takes its map from control");
                let remedy = format!("a plain device has peers.{peer}.mode = \"limited\", and its public key");
                Trouble::new("NoExport", "export.managed", message, remedy)
            }
            Some(gateway) => {
                let message = format!("{gateway}, the gateway of {peer}, has no key yet");
                let remedy = format!("let {gateway} join, or write gateways.{gateway}.key");
                Trouble::new("NoExport", "export.pending_gateway", message, remedy)
            }
        }
    }
}
