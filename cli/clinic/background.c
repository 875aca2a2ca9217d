#include "cli/clinic/extraction.h"

static struct span text_between(const struct extraction *in, size_t start, size_t end) {
    return span_between(plain_span(&in->passage->plain), start, end);
}

static struct clause clause_of(const struct extraction *in, const struct mention *mention) {
    /* Whoever writes on without punctuation means something else by then. */
    static const size_t REACH_BYTES = 120;
    struct clause clause = in->passage->clauses[mention->clause];
    if (mention->start - clause.start > REACH_BYTES) clause.start = mention->start - REACH_BYTES;
    if (clause.end - mention->end > REACH_BYTES) clause.end = mention->end + REACH_BYTES;
    while (utf8_continues(in->passage->plain.data[clause.start])) clause.start++;
    return clause;
}

static struct span before_mention(const struct extraction *in, const struct mention *mention) {
    return text_between(in, clause_of(in, mention).start, mention->start);
}

static struct span behind_mention(const struct extraction *in, const struct mention *mention) {
    return text_between(in, mention->end, clause_of(in, mention).end);
}

static bool add_item(const struct extraction *in, enum entity_kind kind, struct strings *list,
                     const char *name, const struct mention *mention) {
    return strings_add(list, in->arena, name) &&
           add_entity(in, kind, mention->polarity, name, mention->start, mention->end);
}

/* ---- history */

/* A number of years or months behind: "高血压10年". */
static bool lasts_long(struct span rest) {
    static const char *const FOR[] = {"病史", "病",   "史",   "都", "有", "快",
                                      "已",   "已经", "大概", "约", "了", NULL};
    static const char *const MORE[] = {"多", "来", "余", "个", NULL};
    static const char *const LONG[] = {"年", "个月", "月", NULL};
    struct quantity number;
    size_t at = 0, next;
    while ((next = skip_any(rest, at, FOR)) > at) at = next;
    if (!quantity_read(rest, at, &number)) return false;
    at = number.end;
    while ((next = skip_any(rest, at, MORE)) > at) at = next;
    return skip_any(rest, at, LONG) > at;
}

/* Whether the words around say that the patient has or had it before this illness. */
static bool is_told_of_before(const struct extraction *in, const struct mention *mention) {
    static const char *const BEFORE[] = {"有",   "患",   "得过", "查出", "确诊", "做过", "既往", "以前",
                                         "曾",   "老",   "本来", "原来", "去年", "前年", "从小", "小时候",
                                         "年前", "月前", "周前", "一直", "平时", "一向", NULL};
    static const char *const HABITUAL[] = {"天天", "每天", "一辈子", "长期", "常年", NULL};
    static const char *const BEHIND[] = {"史", "病史", "多年", "好多年", "好几年", "老毛病", "老病号",
                                         "过", "好了", "术后", "手术",   "切除",   "住过院", NULL};
    if (mention->polarity == POLARITY_PAST) return true;
    struct span rest = behind_mention(in, mention);
    struct clause clause = clause_of(in, mention);
    if (contains_any(text_between(in, clause.start, clause.end), HABITUAL)) return true;
    return contains_any(before_mention(in, mention), BEFORE) || contains_any(rest, BEHIND) ||
           lasts_long(rest);
}

/* What is no illness that lasts: by itself it may be the present complaint. */
static bool is_episode(const char *name) {
    static const char *const EPISODES[] = {
        "外伤",     "骨折",   "输血",     "肿瘤",   "手术",     "胃炎",       "湿疹", "饮酒",     "焦虑症",
        "近视",     "荨麻疹", "带状疱疹", "中耳炎", "早搏",     "心绞痛",     "贫血", "扁桃体炎", "宫外孕",
        "胰腺炎",   "痔疮",   "肺栓塞",   "早产",   "头部外伤", "胆囊炎",     "梅毒", "心衰",     "新冠",
        "人工流产", "透析",   "偏头痛",   "耳石症", "鼻窦炎",   "深静脉血栓", NULL};
    return starts_with_any(span_of(name), EPISODES) == strlen(name);
}

/* "高血压没有", "没得过", "哮喘家族史": words behind that say it is not the patient's. */
static bool is_disowned(const struct extraction *in, const struct mention *mention) {
    static const char *const DENIED[] = {"没得过", "没有过", "没有得过", "没查",   "没做过", "没割过",
                                         "没切过", "没有",   "从没",     "从来没", "家族史", "阴性",
                                         "药",     "科",     "疫苗",     "待排",   "正常",   NULL};
    static const char *const DOUBTED[] = {
        "怕",     "怕是",   "怀疑",   "怀疑是", "像",   "疑似", "担心",     "担心是", "是不是", "以为",
        "以为是", "当成",   "当",     "排除",   "预防", "无",   "没",       "不",     "没有",   "没得过",
        "别",     "没做过", "没有过", "否认",   "查了", "怕得", "会不会是", "考虑",   NULL};
    static const char *const ANOTHERS[] = {"合租", "同桌", "二叔", "叔叔", "大伯", "伯伯", "舅舅",
                                           "姑姑", "姨妈", "表哥", "表姐", "表弟", "表妹", "堂哥",
                                           "堂弟", "亲戚", "邻居", "隔壁", "家族", "家里", "祖上",
                                           "室友", "同事", "一屋", NULL};
    /* A doctor's "父高血压". */
    static const char *const KIN[] = {"父", "母", "父母", "兄", "弟", "姐", "妹", NULL};
    struct span before = before_mention(in, mention);
    return starts_with_any(behind_mention(in, mention), DENIED) ||
           (before.length && starts_with_any(before, KIN) == before.length) ||
           ends_with_any(before, DOUBTED) || contains_any(before, ANOTHERS);
}

static bool is_own(enum polarity polarity) {
    return polarity == POLARITY_PRESENT || polarity == POLARITY_PAST || polarity == POLARITY_RESOLVED;
}

/* A disease that the patient says was named before: 史 or years right behind it, or 得过 right before it. */
static bool is_named_as_earlier(const struct extraction *in, const struct mention *mention) {
    static const char *const BEFORE[] = {"有",     "患",   "患有",   "得过",   "得了",   "查出",
                                         "查出来", "确诊", "确诊过", "既往",   "既往有", "曾有",
                                         "曾患",   "犯过", "患过",   "老",     "从小",   "诊断过",
                                         "过",     "说是", "以前",   "以前有", NULL};
    static const char *const BEHIND[] = {"史",     "病史",   "多年", "好多年", "好几年",
                                         "老毛病", "老病号", "术后", "手术后", NULL};
    struct span rest = behind_mention(in, mention);
    return ends_with_any(before_mention(in, mention), BEFORE) || starts_with_any(rest, BEHIND) ||
           lasts_long(rest);
}

/* Whether a longer or equal word of the list stands where the mention does. */
static bool is_covered(const struct extraction *in, const struct wordlist *list,
                       const struct mention *mention, size_t at_least) {
    return wordlist_match(list, plain_span(&in->passage->plain), mention->start).length >= at_least;
}

/* A disease's name that is a complaint's too ("失眠", "怀孕") tells the present, "高血压药" a medicine. */
static bool is_other_word(const struct extraction *in, const struct kb *kb, const struct lexicon *lexicon,
                          const struct mention *mention, bool of_kb) {
    size_t length = mention->end - mention->start;
    return is_covered(in, &lexicon->drugs, mention, length + 1) ||
           (of_kb && is_covered(in, &kb->symptoms, mention, length));
}

struct background {
    const struct extraction *in;
    const struct kb *kb;
    const struct lexicon *lexicon;
};

/* known: mentions of the lexicon's conditions, which the knowledge base's names leave alone; NULL: these are they. */
static bool add_illnesses(const struct background *of, const struct mentions *mentions,
                          const char *const *names, const struct mentions *known) {
    const struct extraction *in = of->in;
    size_t next = 0;
    for (size_t i = 0; i < mentions->count; i++) {
        const struct mention *mention = &mentions->items[i];
        const char *name = names[mention->term];
        while (known && next < known->count && known->items[next].end <= mention->start) next++;
        if (known && next < known->count && known->items[next].start < mention->end) continue;
        if (!is_own(mention->polarity) || is_disowned(in, mention) ||
            is_other_word(in, of->kb, of->lexicon, mention, known != NULL))
            continue;
        if (known ? !is_named_as_earlier(in, mention) : is_episode(name) && !is_told_of_before(in, mention))
            continue;
        if (!add_item(in, ENTITY_HISTORY, &in->findings->history, name, mention)) return false;
    }
    return true;
}

/* The lexicon's conditions, and the knowledge base's other diseases where they are told of earlier times. */
static bool add_history(const struct extraction *in, const struct kb *kb, const struct lexicon *lexicon) {
    const struct background of = {in, kb, lexicon};
    struct mentions conditions, diseases;
    return mentions_find(in->passage, &lexicon->conditions, in->arena, &conditions) &&
           mentions_find(in->passage, &kb->disease_names, in->arena, &diseases) &&
           add_illnesses(&of, &conditions, lexicon->conditions.terms, NULL) &&
           add_illnesses(&of, &diseases, kb->disease_names.terms, &conditions);
}

/* ---- medicines and allergies */

static const char *const ALLERGIC[] = {"过敏", "皮试阳性", "皮试(+)", "皮试+",  "皮试过不去", "皮试没过",
                                       "敏感", "起过红疹", "起过疹",  "起疹子", NULL};
static const char *const NOT_ALLERGIC[] = {"不过敏", "没过敏", "没有过敏", "无过敏",   "未过敏",
                                           "过敏性", "过敏原", "抗过敏",   "不算过敏", NULL};

static bool says_allergic(struct span words) {
    return contains_any(words, ALLERGIC) && !contains_any(words, NOT_ALLERGIC);
}

/* "过敏史:青霉素": the clause before, up to its colon, opens a list of allergies. */
static bool is_listed_as_allergy(const struct extraction *in, const struct mention *mention) {
    static const char *const OPENING[] = {"过敏",       "有过敏",   "过敏史", "药物过敏",
                                          "药物过敏史", "过敏药物", NULL};
    if (mention->clause == 0) return false;
    struct clause clause = in->passage->clauses[mention->clause - 1];
    return in->passage->plain.data[clause.end] == ':' &&
           ends_with_any(text_between(in, clause.start, clause.end), OPENING);
}

/* "没吃降压药", "忘带胰岛素", "避孕药没吃"; "吃了布洛芬没用" was taken. */
static bool is_not_taken(const struct extraction *in, const struct mention *mention) {
    static const char *const NOT_TAKING[] = {
        "没吃",   "没用",     "没打",   "没有吃", "没有用", "未服",     "没服",   "不吃",   "未用",
        "没在吃", "不敢吃",   "不肯吃", "没用过", "没吃过", "手边没有", "不想吃", "要不要", "能不能",
        "没有服", "可不可以", "该不该", "没敢用", "没开",   "忌",       NULL};
    static const char *const NOT_TAKEN[] = {"没吃",   "没敢吃", "没用",   "没打", "不吃",
                                            "没再吃", "都没吃", "也没吃", "早停", NULL};
    static const char *const TAKING[] = {"吃", "服", "喝", "打", "贴", "抹", "擦", "涂",
                                         "滴", "喷", "塞", "含", "输", "吊", "用", NULL};
    struct span before = before_mention(in, mention), behind = behind_mention(in, mention);
    if (contains_any(before, NOT_TAKING)) return true;
    bool of_no_use =
        starts_with_any(behind, (const char *const[]){"没用", NULL}) && contains_any(before, TAKING);
    return starts_with_any(behind, NOT_TAKEN) && !of_no_use &&
           !starts_with_any(behind, (const char *const[]){"没用药", NULL});
}

/* "降压药硝苯地平", "镇痛药是塞来昔布": a class before the drug itself. */
static bool names_next(const struct extraction *in, const struct mentions *mentions, size_t i) {
    if (i + 1 >= mentions->count) return false;
    size_t end = mentions->items[i].end, next = mentions->items[i + 1].start;
    bool class = ends_with_any(text_between(in, 0, end), (const char *const[]){"药", NULL}) != 0;
    return class && (next == end || span_is(text_between(in, end, next), "是"));
}

static bool add_drugs(const struct extraction *in, const struct lexicon *lexicon) {
    struct mentions mentions;
    if (!mentions_find(in->passage, &lexicon->drugs, in->arena, &mentions)) return false;
    for (size_t i = 0; i < mentions.count; i++) {
        const struct mention *mention = &mentions.items[i];
        const char *name = lexicon->drugs.terms[mention->term];
        struct span rest = behind_mention(in, mention);
        bool own = is_own(mention->polarity);
        if (own && (says_allergic(rest) || is_listed_as_allergy(in, mention))) {
            if (!add_item(in, ENTITY_ALLERGY, &in->findings->allergies, name, mention)) return false;
        } else if (own && !contains_any(rest, ALLERGIC) && !is_not_taken(in, mention) &&
                   !names_next(in, &mentions, i)) {
            if (!add_item(in, ENTITY_MEDICATION, &in->findings->medications, name, mention)) return false;
        }
    }
    return true;
}

/* ---- allergies to what is no medicine */

static const char *const ALLERGENS[] = {"花生", "鸡蛋", "蛋清", "牛奶", "海鲜", "虾",   "螃蟹", "蟹",
                                        "鱼",   "花粉", "尘螨", "螨虫", "猫毛", "狗毛", "芒果", "坚果",
                                        "酒精", "乳胶", "柳絮", "粉尘", "桃子", "小麦", "大豆", "蜂毒",
                                        "蒿草", "霉菌", "贝类", "菠萝", NULL};

static bool add_allergen(const struct extraction *in, size_t clause, size_t start, size_t end) {
    const char *name = arena_copy(in->arena, text_between(in, start, end));
    const struct mention mention = {
        .start = start, .end = end, .clause = clause, .polarity = POLARITY_PRESENT};
    return name && add_item(in, ENTITY_ALLERGY, &in->findings->allergies, name, &mention);
}

/* Those of one clause that says 过敏 of the patient. */
static bool add_allergens_of(const struct extraction *in, size_t i) {
    const struct passage *passage = in->passage;
    struct clause clause = passage->clauses[i];
    const struct mention whole = {.start = clause.start, .end = clause.end, .clause = i};
    struct span words = text_between(in, clause.start, clause.end);
    const struct person_mention *person = passage_person(passage, clause.start, clause.end);
    if (!(says_allergic(words) || is_listed_as_allergy(in, &whole))) return true;
    /* Who names a stranger before the complaint still speaks of himself. */
    bool speaker = person && person->person == PERSON_SELF && passage->patient == PERSON_OTHERS;
    if (person && !speaker && !person_may_be(person->person, passage->patient)) return true;
    for (size_t at = clause.start, end; at < clause.end; at = end) {
        end = skip_any(text_between(in, 0, clause.end), at, ALLERGENS);
        if (end == at)
            end++;
        else if (!add_allergen(in, i, at, end))
            return false;
    }
    return true;
}

static bool add_allergens(const struct extraction *in) {
    for (size_t i = 0; i < in->passage->n_clauses; i++)
        if (!add_allergens_of(in, i)) return false;
    return true;
}

bool add_background(const struct extraction *in, const struct kb *kb, const struct lexicon *lexicon) {
    return add_history(in, kb, lexicon) && add_drugs(in, lexicon) && add_allergens(in);
}
