//! The JSON Schema of each result: that of the form which it is written in.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::assertions::JudgementForm;
use super::bisect::BisectedForm;
use super::comparison::{ComparisonForm, EffectForm};
use super::explanation::{WhyForm, WhyNotForm};
use super::impact::{ImpactForm, SweepForm};
use super::plan::PlanForm;
use super::reach::ReachForm;
use super::status::OverviewForm;
use crate::{Bisected, Comparison, Effect, Explanation, Impact, Judgement, Overview, Plan, Reach, Sweep, Why, WhyNot};

macro_rules! written_as {
    ($($type:ident as $form:ty),* $(,)?) => {$(
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                <$form>::json_schema(generator)
            }
        }
    )*};
}

/// An explanation is written as one of the two.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[allow(dead_code, reason = "it stands for its schema")]
enum Either {
    Allowed(Why),
    Denied(WhyNot),
}

written_as! {
    Plan as PlanForm,
    Comparison as ComparisonForm,
    Effect as EffectForm,
    Explanation as Either,
    Why as WhyForm<'_>,
    WhyNot as WhyNotForm<'_>,
    Reach as ReachForm<'_>,
    Impact as ImpactForm<'_>,
    Sweep as SweepForm<'_>,
    Judgement as JudgementForm,
    Overview as OverviewForm<'_>,
    Bisected as BisectedForm,
}
