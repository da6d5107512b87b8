/**
 * The items of the suite `similarity`: groups of four sentences that say the same in other words, on many subjects.
 * Results name items by number: append new groups, never edit, remove or reorder.
 */
const TEXT = `
The train to the coast leaves at half past seven in the morning.
At seven thirty every morning a train departs for the seaside.
If you want to reach the coast by rail, be at the station by 7:30.
There is an early service to the shore, leaving at half past seven.

She planted tomatoes and beans in the narrow garden behind the house.
Behind the house, in a small garden, she grows beans and tomatoes.
Her little back garden is full of tomato and bean plants.
Tomatoes and beans were what she chose for the strip of soil at the back.

The doctor told him to drink more water and sleep longer.
His physician's advice was simple: more water and more sleep.
He was told at the clinic that he should rest more and stay hydrated.
According to the doctor, he needs extra sleep and plenty of water.

Heavy rain flooded the lower streets of the town overnight.
During the night the lower part of town was under water after a downpour.
The streets near the river flooded when it rained hard last night.
A night of heavy rainfall left the town's low streets flooded.

The museum is closed on Mondays but open late on Thursdays.
You cannot visit the museum on a Monday, though it stays open late on Thursday.
Thursday is the museum's late day, and on Mondays it does not open.
Mondays are the museum's day off, while Thursday evenings are for visitors.

He repaired the old radio with parts from a broken television.
Using pieces of a dead television set, he got the old radio to work.
The radio plays again because he took spare parts out of a broken TV.
An old radio came back to life with components from a faulty television.

The company's profits fell by a third after the new tax was introduced.
Once the tax came in, the firm earned about a third less.
A new tax cut the profits of the business by one third.
Since the tax change, earnings at the company have dropped thirty-three percent.

Children under five travel on the bus for free.
You do not pay a bus fare for a child younger than five.
The bus is free of charge for kids who are four or less.
No ticket is needed on the bus for children below the age of five.

The recipe calls for two eggs, a cup of flour and a little salt.
You need flour, a pair of eggs and a pinch of salt for this dish.
To cook it, take one cup of flour, two eggs and some salt.
Two eggs, salt and a cupful of flour are all that the recipe asks for.

Our neighbour's dog barks whenever the postman comes.
Each time the mail arrives, the dog next door starts barking.
The postman cannot come near without the neighbour's dog making noise.
When letters are delivered, the dog of the people next door barks.

The bridge was built from local stone more than three hundred years ago.
For over three centuries this bridge of local stone has stood here.
Stone from the area was used when the bridge was made three hundred years back.
Masons built the bridge out of nearby rock over three hundred years ago.

My password no longer works and I cannot get into my account.
I am locked out of my account because it does not accept my password.
The login rejects my password, so my account is out of reach.
I can't sign in any more: the system says that the password is wrong.

The two countries signed a treaty to share the water of the river.
An agreement between both nations divides the river's water.
The river's water will be shared under a treaty between the two states.
Two governments have agreed in writing on how to use the river together.

Learning to play the violin takes years of daily practice.
Nobody masters the violin without practising every day for years.
It is only after years of daily exercise that you play the violin well.
The violin is an instrument that demands long and regular practice.

The battery of this phone lasts for almost two days.
You can use the phone for nearly two days before charging it.
This phone needs charging only about every second day.
Almost forty-eight hours pass before the phone's battery is empty.

Wolves have returned to the mountains after a hundred years.
After an absence of a century, wolves live in the mountains again.
For the first time in a hundred years there are wolves in the hills.
The mountains are once more home to wolves, a century after they vanished.

The committee rejected the plan because it would cost too much.
The plan was too expensive, so the committee turned it down.
High costs were the reason why the committee said no to the proposal.
Members of the committee voted against the plan on grounds of cost.

She forgot her umbrella on the seat of the taxi.
Her umbrella was left behind in the cab.
When she got out of the taxi, the umbrella stayed on the seat.
The taxi drove away with her umbrella still inside.

Most of the forest burned down in the dry summer of that year.
That summer was so dry that fire destroyed nearly all the forest.
A fire in the dry months took the greater part of the woods.
The greater part of the forest was lost to flames during the drought.

The baker gets up at three o'clock to prepare the bread.
To have bread ready in time, the baker rises at three in the morning.
At three in the night the baker is already making dough.
Bread means an early start: the baker is awake by three.

Save your work often, because the program sometimes crashes.
The software is not stable, so store your files every few minutes.
Since the application can crash at any time, keep saving.
You should save regularly; now and then the program stops working.

The astronauts spent six months on the space station.
For half a year the crew lived aboard the station in orbit.
Their stay on the orbiting station lasted six months.
The crew returned from the space station after half a year.

The library lends books for four weeks.
Books may be kept for a month before they go back to the library.
You have four weeks to return what you borrow from the library.
A loan from the library runs for twenty-eight days.

He lost the race although he had trained all winter.
A whole winter of training was not enough to win the race.
Despite months of practice through the cold season, he did not win.
He trained the entire winter and still came in behind the others.

The soup is too salty for me.
I find that there is too much salt in this soup.
For my taste they put too much salt in the soup.
This soup would be better with less salt.

The court decided that the contract was not valid.
According to the judges, the agreement has no legal force.
The contract is void, the court has ruled.
In its ruling the court declared the contract invalid.

Bees find their way home by the position of the sun.
A bee uses the sun to navigate back to its hive.
The sun tells bees in which direction their hive lies.
To return to the hive, bees steer by the sun.

We moved the meeting from Tuesday to Friday afternoon.
The meeting will be on Friday afternoon and not on Tuesday.
Instead of Tuesday, we now meet on Friday after lunch.
Tuesday's meeting has been put off until Friday afternoon.

The lake freezes over in January and people skate on it.
In January there is ice on the lake, thick enough for skating.
People go skating on the frozen lake in the first month of the year.
When the lake turns to ice in January, skaters come.

Solar panels on the school roof produce half of its electricity.
Half of the power that the school uses comes from panels on its roof.
The school makes fifty percent of its electricity from sunlight.
With solar cells on top of the building, the school covers half its needs.

The thief broke a window and took a laptop and some cash.
A laptop and money were stolen by someone who came in through a window.
Somebody smashed the window and ran off with cash and a computer.
After breaking the glass, the burglar stole money and a notebook computer.

This medicine should not be taken together with alcohol.
Do not drink alcohol while you use this drug.
Alcohol and this medicine must not be combined.
Avoid drinking when you are on this medication.

The old cinema has been turned into a supermarket.
Where films were once shown, there is a supermarket now.
They made a grocery store out of the old movie theatre.
A supermarket has opened in the building of the former cinema.

The path to the summit is steep and covered with loose stones.
Loose rock makes the steep way up to the top difficult.
You climb to the peak over a steep trail of loose stones.
The track that leads to the top is steep and rocky underfoot.

Her grandmother speaks three languages and is learning a fourth.
Grandmother knows three languages and has now started on another.
With three languages already, her gran is studying one more.
A fourth language is what her grandmother learns at the moment.

The price of bread has doubled within a year.
Bread costs twice as much as it did twelve months ago.
In one year the cost of a loaf went up by one hundred percent.
Compared with last year, you pay double for bread.

The cat sleeps on the warm stove all afternoon.
All afternoon the cat lies asleep on the stove because it is warm.
The warm stove is where the cat takes its long afternoon nap.
From noon till evening our cat naps on top of the heated stove.

The engine makes a strange noise when the car goes uphill.
Driving up a hill, you can hear an odd sound from the motor.
There is a funny noise in the engine on steep roads.
Whenever we climb a slope, the car's engine sounds wrong.

Voters chose a woman as mayor for the first time.
For the first time in its history the city elected a female mayor.
The new mayor is the first woman to win that office.
A woman won the mayor's election, which had never happened before.

The experiment failed because the samples were contaminated.
Dirty samples ruined the experiment.
The test gave no usable result since the samples were not pure.
Contamination of the samples was the cause of the failed experiment.

Please take off your shoes before you enter the temple.
Shoes must be removed at the entrance of the temple.
Visitors walk into the temple without their shoes.
You are asked to leave your footwear outside the temple.

The novel tells the story of two brothers who share a farm.
Two brothers and the farm that they own together are the subject of the book.
It is a book about a pair of brothers running one farm.
In this novel a farm belongs to two brothers, whose story we follow.

Fishermen complain that there are fewer fish every year.
Each year the catch gets smaller, say the people who fish here.
According to the fishing crews, fish stocks decline from year to year.
There are less and less fish in the sea, fishermen say.

The flight was cancelled because of thick fog.
Fog was so dense that the plane could not take off.
Due to fog, the airline called off the flight.
No plane left, as the airport lay in heavy fog.

Vaccines protect most people from the disease.
If you are vaccinated, you will probably not catch the illness.
The majority of people are safe from the disease after a vaccination.
A vaccine keeps nearly everyone from falling ill with it.

He paints portraits of people that he meets on the street.
Strangers whom he meets outdoors become the subjects of his portraits.
His paintings show the faces of people from the street.
The painter finds the models for his portraits among passers-by.

The new road will shorten the journey to the capital by an hour.
Thanks to the new road, you will reach the capital one hour sooner.
Travel time to the capital drops by sixty minutes once the road is open.
An hour less to the capital: that is what the new highway brings.

The teacher explained the problem twice, but nobody understood it.
Even after the second explanation the class did not get the problem.
Twice the teacher went over the exercise, and still no one followed.
None of the pupils understood, although the teacher repeated the explanation.

Coffee grows best on cool slopes near the equator.
The best places for coffee are cool hillsides in the tropics.
Cool mountain slopes close to the equator suit the coffee plant.
For coffee plants, tropical hills with a mild climate are ideal.

You can return the jacket within thirty days if it does not fit.
A jacket of the wrong size may be brought back for thirty days.
If the jacket is too small or too large, send it back within a month.
The shop takes the jacket back for a month in case it doesn't fit.

The archaeologists found coins and pottery under the market square.
Old coins and pots were dug up below the market place.
Beneath the square, researchers discovered ancient pottery and money.
The excavation in the market square brought coins and ceramics to light.

Electric buses are quieter than those with diesel engines.
A diesel bus makes more noise than an electric one.
Buses that run on electricity are less noisy than diesel buses.
Compared with diesel, an electric bus hardly makes a sound.

They celebrated their wedding in a barn with fifty guests.
Fifty people came to the barn where the couple got married.
A barn was the place of their wedding party for fifty.
The marriage was celebrated with fifty friends inside a barn.

The moon causes the tides of the sea.
Tides exist because the moon pulls on the water of the oceans.
It is the attraction of the moon that moves the sea up and down.
High and low water are due to the gravity of the moon.

He speaks so quietly that you can hardly hear him.
His voice is so low that it is difficult to hear.
You have to listen hard because he talks very softly.
It is almost impossible to hear what he says, so soft is his voice.

The farmer sells milk and cheese directly from the farm.
Cheese and milk can be bought straight from the farmer.
At the farm you buy dairy products from those who make them.
The farm has its own shop for its milk and its cheese.

Turn left at the church and follow the road to the river.
At the church go left, then keep on the road until you see the river.
To get to the river, take a left turn by the church.
The way to the river is the road on the left after the church.

The team scored the winning goal in the last minute.
In the final minute they shot the goal that won the match.
A goal in the very last minute decided the game for the team.
The match was won by a late goal, with seconds to play.

The printer is out of paper again.
There is no paper left in the printer once more.
Somebody has to put new sheets into the printer.
The printer has stopped because its paper tray is empty.

Sound travels faster through water than through air.
In water, sound moves more quickly than it does in air.
Air carries sound more slowly than water.
The speed of sound is higher under water than above it.

The landlord raised the rent without any warning.
Without notice, the rent of the flat was increased.
The owner of the flat suddenly wants more rent.
Tenants have to pay more because the landlord put up the rent unannounced.

Two divers explored the wreck of a ship that sank in a storm.
A ship lost in a storm was examined under water by a pair of divers.
The divers swam through a ship that had gone down in bad weather.
Down at the sunken ship, which a storm had wrecked, two people dived.
`

export const SENTENCE_GROUPS: readonly (readonly string[])[] = TEXT.trim()
  .split('\n\n')
  .map((group) => group.split('\n'))
