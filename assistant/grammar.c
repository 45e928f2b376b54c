/* assistant/grammar.c - the sentences the assistant understands when spoken, and their pronunciations.
 *
 * Free dictation with a small acoustic model hears almost nothing right; a grammar of what we can answer hears
 * almost everything. Keep the words apart in sound. Pronunciations are those of the CMU dictionary's sound set. */
#include "assistant/grammar.h"

const char as_grammar[] =
    "#JSGF V1.0;\n"
    "grammar command;\n"
    "public <command> = [ <wake> ] <sentence> | <wake>;\n"
    "<wake> = [ hey | hello | okay ] computer;\n"
    "<sentence> = <greet> | <who> | <time> | <date> | <joke> | <volume> | <photo> | <stop> | <bye> | "
    "<thanks>\n"
    "| <help> | <mood> | <forget> | <music>;\n"
    "<greet> = ( hello | hi | hey ) [ there ] | good ( morning | afternoon | evening );\n"
    "<who> = ( who | what ) are you | ( what is | what's ) your name;\n"
    "<time> = what time is it [ now ] | ( what is | what's | tell me ) the time;\n"
    "<date> = what day is it [ today ] | ( what is | what's ) the date [ today ];\n"
    "<joke> = tell me ( a | another ) joke | another joke | make me laugh;\n"
    "<volume> = ( set | turn ) [ the ] volume [ to ] <number> [ percent ] | volume <number> [ percent ] | [ turn ] "
    "[ the ] volume ( up | down )\n"
    "| turn ( up | down ) the volume | turn it ( up | down ) | [ make it ] ( louder | quieter );\n"
    "<photo> = take a ( photo | picture ) [ please ] | what ( do | can ) you see;\n"
    "<stop> = stop [ talking | the music ] | be quiet | cancel;\n"
    "<bye> = goodbye | bye [ bye ] | see you later;\n"
    "<thanks> = thank you [ very much ] | thanks;\n"
    "<help> = what can you do | help [ me ];\n"
    "<forget> = [ please ] forget everything;\n"
    "<music> = play [ some | the ] music | play ( a | another ) song;\n"
    "<mood> = how are you [ today ];\n"
    "<number> = zero | <digit> | <teen> | <tens> [ <digit> ] | ( a | one ) hundred;\n"
    "<digit> = one | two | three | four | five | six | seven | eight | nine;\n"
    "<teen> = ten | eleven | twelve | thirteen | fourteen | fifteen | sixteen | seventeen | eighteen | nineteen;\n"
    "<tens> = twenty | thirty | forty | fifty | sixty | seventy | eighty | ninety;\n";

const char as_sounds[] =
    "#JSGF V1.0;\ngrammar sounds;\npublic <sounds> = ( _aa | _ae | _ah | _ao | _aw | _ay | _b | _ch | _d | _dh | "
    "_eh | _er | _ey | _f | _g | _hh | _ih | _iy | _jh | _k | _l | _m | _n | _ng | _ow | _oy | _p | _r | _s | _sh "
    "| _t | _th | _uh | _uw | _v | _w | _y | _z | _zh )+;\n";

const as_word as_words[] = {
    {"a", "AH"},
    {"a", "EY"},
    {"afternoon", "AE F T ER N UW N"},
    {"another", "AH N AH DH ER"},
    {"are", "AA R"},
    {"are", "ER"},
    {"be", "B IY"},
    {"bye", "B AY"},
    {"can", "K AE N"},
    {"can", "K AH N"},
    {"cancel", "K AE N S AH L"},
    {"computer", "K AH M P Y UW T ER"},
    {"date", "D EY T"},
    {"day", "D EY"},
    {"do", "D UW"},
    {"down", "D AW N"},
    {"eight", "EY T"},
    {"eighteen", "EY T IY N"},
    {"eighty", "EY T IY"},
    {"eleven", "IH L EH V AH N"},
    {"eleven", "IY L EH V AH N"},
    {"evening", "IY V N IH NG"},
    {"everything", "EH V R IY TH IH NG"},
    {"fifteen", "F IH F T IY N"},
    {"fifty", "F IH F T IY"},
    {"five", "F AY V"},
    {"forget", "F ER G EH T"},
    {"forget", "F AO R G EH T"},
    {"forty", "F AO R T IY"},
    {"four", "F AO R"},
    {"fourteen", "F AO R T IY N"},
    {"good", "G UH D"},
    {"good", "G IH D"},
    {"goodbye", "G UH D B AY"},
    {"hello", "HH AH L OW"},
    {"hello", "HH EH L OW"},
    {"help", "HH EH L P"},
    {"hey", "HH EY"},
    {"hi", "HH AY"},
    {"how", "HH AW"},
    {"hundred", "HH AH N D R AH D"},
    {"hundred", "HH AH N D R IH D"},
    {"hundred", "HH AH N ER D"},
    {"is", "IH Z"},
    {"it", "IH T"},
    {"joke", "JH OW K"},
    {"later", "L EY T ER"},
    {"laugh", "L AE F"},
    {"louder", "L AW D ER"},
    {"make", "M EY K"},
    {"me", "M IY"},
    {"morning", "M AO R N IH NG"},
    {"much", "M AH CH"},
    {"music", "M Y UW Z IH K"},
    {"name", "N EY M"},
    {"nine", "N AY N"},
    {"nineteen", "N AY N T IY N"},
    {"ninety", "N AY N T IY"},
    {"now", "N AW"},
    {"okay", "OW K EY"},
    {"one", "W AH N"},
    {"one", "HH W AH N"},
    {"percent", "P ER S EH N T"},
    {"photo", "F OW T OW"},
    {"picture", "P IH K CH ER"},
    {"play", "P L EY"},
    {"please", "P L IY Z"},
    {"quiet", "K W AY AH T"},
    {"quieter", "K W AY AH T ER"},
    {"see", "S IY"},
    {"set", "S EH T"},
    {"seven", "S EH V AH N"},
    {"seventeen", "S EH V AH N T IY N"},
    {"seventy", "S EH V AH N T IY"},
    {"seventy", "S EH V AH N IY"},
    {"six", "S IH K S"},
    {"sixteen", "S IH K S T IY N"},
    {"sixty", "S IH K S T IY"},
    {"some", "S AH M"},
    {"song", "S AO NG"},
    {"stop", "S T AA P"},
    {"take", "T EY K"},
    {"talking", "T AO K IH NG"},
    {"tell", "T EH L"},
    {"ten", "T EH N"},
    {"thank", "TH AE NG K"},
    {"thanks", "TH AE NG K S"},
    {"the", "DH AH"},
    {"the", "DH IY"},
    {"there", "DH EH R"},
    {"thirteen", "TH ER T IY N"},
    {"thirty", "TH ER D IY"},
    {"thirty", "TH ER T IY"},
    {"three", "TH R IY"},
    {"time", "T AY M"},
    {"to", "T UW"},
    {"to", "T IH"},
    {"to", "T AH"},
    {"today", "T AH D EY"},
    {"today", "T UW D EY"},
    {"turn", "T ER N"},
    {"twelve", "T W EH L V"},
    {"twenty", "T W EH N T IY"},
    {"twenty", "T W EH N IY"},
    {"two", "T UW"},
    {"up", "AH P"},
    {"very", "V EH R IY"},
    {"volume", "V AA L Y UW M"},
    {"volume", "V AO L Y UH M"},
    {"what", "W AH T"},
    {"what", "HH W AH T"},
    {"what's", "W AH T S"},
    {"what's", "HH W AH T S"},
    {"who", "HH UW"},
    {"you", "Y UW"},
    {"your", "Y AO R"},
    {"your", "Y UH R"},
    {"zero", "Z IH R OW"},
    {"zero", "Z IY R OW"},
    {"_aa", "AA"},
    {"_ae", "AE"},
    {"_ah", "AH"},
    {"_ao", "AO"},
    {"_aw", "AW"},
    {"_ay", "AY"},
    {"_b", "B"},
    {"_ch", "CH"},
    {"_d", "D"},
    {"_dh", "DH"},
    {"_eh", "EH"},
    {"_er", "ER"},
    {"_ey", "EY"},
    {"_f", "F"},
    {"_g", "G"},
    {"_hh", "HH"},
    {"_ih", "IH"},
    {"_iy", "IY"},
    {"_jh", "JH"},
    {"_k", "K"},
    {"_l", "L"},
    {"_m", "M"},
    {"_n", "N"},
    {"_ng", "NG"},
    {"_ow", "OW"},
    {"_oy", "OY"},
    {"_p", "P"},
    {"_r", "R"},
    {"_s", "S"},
    {"_sh", "SH"},
    {"_t", "T"},
    {"_th", "TH"},
    {"_uh", "UH"},
    {"_uw", "UW"},
    {"_v", "V"},
    {"_w", "W"},
    {"_y", "Y"},
    {"_z", "Z"},
    {"_zh", "ZH"},
};
const size_t as_n_words = sizeof as_words / sizeof as_words[0];
