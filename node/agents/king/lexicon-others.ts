/** Words that the rules do not know and that must not be taken for slips of those that they know. */

const words = (line: string): string[] => line.split(/\s+/).filter((word) => word !== '')

/** Words of other kinds that must not be taken for a slip of a known one. */
export const OTHER_WORDS = new Set(
  words(`a about above after afterwards again against all already also although always am among an and another any anybody anyone anything are
    around as at away back be because been before being below beside best better between big bigger biggest both bottom but by can case cost could
    current currently day days down during each early either else end enough even ever every everybody everyone everything exactly except fact
    far fast few first five for four free from full further good great half hand happen happens happened hard has he help her here him his
    home hour hours house how however i idea if in inside instead into is issue it its itself just keyword kind large last late later least less
    like likely line little live long lot low mail main many matter may maybe me mean meant mine minute minutes moment month more most much must my
    near never new next nice no none nor not nothing now number numbers of off often old on once one only onto open or other others our out
    over own part parts people per person piece place plan please point problem quick quickly quite quote rather real really reason rest right
    room rule safe same say second seconds seen seem self set several shall she short should side since single size small smaller so some somebody
    someone something soon sort speed still stuff subject such sum sure ten text than thank thanks that the their them then there these they thing
    things think third this those though three through till times title to today together tomorrow too top total toward trail two under until unless up
    upon us very via was way we week weeks well were what whatever when whenever where whether which while who whole whom whose why will
    with within without word words work works world would year years yes yesterday yet you your yours trains trail mode model's code coded node
    nodes share shares stories story state rating wire price prices rain brain grain plain store stored tower water winter letter better matter
    later latest rate rates date dates data table tables lost list lists least life light night right eight contract contracts garden roof
    warranty cost costs rent lease flower flowers honey bees hive hives recipe recipes bread meeting meetings minutes letter letters
    message messages history version versions member memory station staion reader leader header render rider finder minder tender sender
    index's merger mercy verge serge large charge change changes changed charges given taken driven proven seven eleven cover covers recover
    discover paint painted pointer printer winter planner manager keeper teacher trainer runner reading heading meaning morning evening
    building ceiling feeling hearing bearing wedding spelling price prize prime drive driver river silver copper paper pepper upper`),
)

/** Names that look like slips. */
export const NAMES = new Set(
  words(`encoder encoders decoder sore spar earn teaches readme compresso unit units metric notebook notebooks losing lose loses loss losses accessing assets
    adapted banner beginners blind blond bodies boring casting cells cell clarity click clicks competing compiling comprising companies
    company compete completely composite concealed concerned concerning connected connecting connection connections contained
    containing contacting contact correction corrections collecting collective collector collation covert damon detecting detect
    director directors downside drift dying expert experts exploring explore exploited fills fires fixes forge forged formatted format
    funded funding furnished finnish geometric getter grace grave graves haven heath healthy impacting important indeed injecting
    inserting inferring leaking leases leasing leading lifted listen listening listener locale locked looped machinery masked miles
    mises mixes mixer modal modem modes modifying multiple obtaining older oldest openers orders painting painted pager parse parsed
    passed passes passing probing probe prone providing president presently preserved preserving preset pretended pretend prevent
    prevented preventing prevents qualify quits races racing race ready rejecting releasing replacing replace resetting reset resort
    respected restoring restore resulting retain retained retaining retains revealing reverting refrain regarding registrar remote
    remotes remap remaining remain scope scopes seeds seed seeking sensing shade shades shake shape shapes shaped shard shards sharp
    shawn shoes shots similarly slows slow smart smarter spans spending starred stars star stated stepping steps step stone stripping
    swimming talked talking tasking taxes tax terminals terminal token tokens trait traits trees tree trips trip tuned unload victor
    wasted wasting white witch waived tales tale pure ring mere sole tech tied ties bill bills boat boats lawn lend loan loans mill
    pill pills fund funds heart heat heater heating hearth pump pumps poll polls shell shelf shall shop shops shot stand stands stick
    sticks spring string strings facts fact arithmetic colleague colleagues thesis exam lecture presentation customer customers kitchen children child chess chest cheese church chart chapter character trust trash tram transit transport travel treaty treat treasurer tenant tenants terms term landlord land lands language lanes cousin cousins court courts cover count country county corner morning mouse mouth month months rabbit rather rating ratings recent record records region relation release relief religion reply rescue reserve resource response resident residents server servers service services session settle seven several sister sisters brother story storm street student students subject supply support surface surgery survey wedding weather week weekly welcome wheel window winner wonder wood wooden wall walls walk walnut walnuts warden warning watt watts wage wages visit visitor voice vote voter votes patient patients parents parent partner party pastor pattern patterns payment peace peanuts pension pepper permit person pet petrol phone photo photos picture pictures pilot pipe pipes plane planet plant plants insurance insulation invoice invoices inspection inspector boiler boilers basement battery bathroom bedroom bench birthday board border bottle brick bridge budget cable cables calendar camera candle carbon career carpet castle ceiling central chain chairman chimney claim clause clauses clinic coffee committee concert condition conditions copper cottage council crew cup dentist deposit desk diary dinner direction dishwasher doctor door doors electric electrician emergency engine entrance exit expense expenses fee fees fence ferry festival filter fine fire fireplace fish fixture floor
    acquitted adopt adopted adopting advice adviser appealing appearing appraisal ascending asserting
    assisting attending banking bean beings bend bending bleeding blinded blinding boots bought brine busy
    buyer cancer cancers cast catalyzed cheek cheeks chick circulating classified comes coming commanded
    commerce compaction completion complexes compressive compressor compressors comprised comprises
    condemned condensin conferred conferring conform consensus consented consenting conserved contacted
    continual continuity continuous continuum contracted contracting convection converging conveying
    convicted convinced convincing coping crate crates creatine creatures damping deceased deflected
    deletions demon depleted depressed differ differing digestion digestive directing discharged discoveries
    discovery displaced dissection distal dividend divine dose dosing dutch ease evaluable execution
    executive exploiting fares fibres filed filing films findings fins firms fixed fixing flies folded fond
    fred fries gage generations generator graders grams grapes grass hale hated hats hunter incite infecting
    informant ingestion initiation initiative initiatives insect insects intercept interruption intestine
    invest invested joint joints killer knowingly known lasted lasting lasts leads lean learnt leased lest
    lifting lighter lightning loaves locations loops lords lover lunch lying maids makers males mali marked
    mary masking mates mating meets memories merry mines minimized minimizes mining motel movies mowing
    multiplier naked noses packaging packet pages paintings paired pairing paris parked parking paying pears
    picked picking picks pointed pointing points probes publisher purse quantified quantities quartiles
    quitting quoted rats readings reared recording recycling repeatedly repent reportedly reporter resolving
    restrain restrained restraint retrieval reversing rites roads ruined sales sands savings scared scorn
    seemed seeming shame shaping shark shearing shopping shore shores shower slaves slowed slowing snack
    snacks sour spanning spare spends spore stalk starch stat states stating statue stayed staying stepped
    stock stokes stole stones storms stuck teachers teller termination tired tires trailing trans
    translation translocated transplanted tribes tubes turks unity validation victories waist whites wires
    wiring wits wives writ writer banging banged bangs banner`),
)
